"""Talking to others: the only room that opens a connection to the outside.

client.get(url)
  │ guard.judge_url      is this an address a feed can have?          before any lookup
  │ resolve              one lookup
  │ guard.check_address  every answer is judged                       before any packet to it
  │ transport            connect to the judged literal, one request, one reply, close
  │ decode               gzip with a cap
  └ a redirect starts again at the top; the deadline covers all of it
"""
