// Reads documents with three readers that other people wrote and prints what each understood, in one shape.
// stdin: JSON [{form, body}]; stdout: JSON [{reader: [item]}], in the same order.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { parseFeed as feedsmith } from "feedsmith";

const require = createRequire(import.meta.url);
const RssParser = require("rss-parser");
const { parseFeed: feedParser } = require("@rowanmanning/feed-parser");

const text = (one) => (one && typeof one === "object" ? one.value : one) ?? null;
const time = (one) => (one ? new Date(one).toISOString() : null);
const link = (links, rel) => (links ?? []).find((one) => (one.rel ?? "alternate") === rel);

function withFeedsmith(form, body) {
  const { feed } = feedsmith(body);
  return (feed.items ?? feed.entries).map((one) => ({
    id: text(one.guid) ?? one.id,
    title: text(one.title),
    link: one.url ?? (form === "atom" ? link(one.links, "alternate").href : one.link),
    published: time(one.date_published ?? one.published ?? one.pubDate),
    updated: time(one.date_modified ?? one.updated ?? one.atom?.updated),
    authors: one.dc?.creators ?? one.authors.map((author) => author.name),
    summary: text(one.summary) ?? one.description,
    content: one.content_html ?? text(one.content) ?? one.content?.encoded,
    categories: one.tags ?? one.categories?.map((category) => category.label ?? category.name) ?? [],
    enclosure: enclosure(form === "atom" ? link(one.links, "enclosure") : (one.attachments ?? one.enclosures)?.[0]),
    image: one.image ?? one.media?.thumbnails?.[0]?.url ?? null,
    source: form === "json" ? null : text(one.source?.title),
  }));
}

function enclosure(one) {
  if (!one) return null;
  return [one.url ?? one.href, one.type ?? one.mime_type ?? one.mimeType, Number(one.length ?? one.size_in_bytes ?? 0)];
}

async function withRssParser(form, body) {
  if (form === "json") return null;
  const feed = await new RssParser({ customFields: { item: ["source", "description"] } }).parseString(body);
  return feed.items.map((one) => ({
    id: one.guid ?? one.id,
    title: one.title,
    link: one.link,
    published: time(one.isoDate),
    author: one.creator ?? one.author,
    summary: one.summary ?? one.description,
    content: one["content:encoded"] ?? one.content,
  }));
}

function withFeedParser(form, body) {
  if (form === "json") return null;
  // its "updated" is left out: of RSS it does not read atom:updated and gives the publication date
  return feedParser(body).items.map((one) => ({
    id: one.id,
    title: one.title,
    link: one.url,
    published: time(one.published),
    authors: one.authors.map((author) => author.name),
    summary: one.description,
    content: one.content,
    categories: one.categories.map((category) => category.label),
    enclosure: enclosure(one.media[0]),
    image: one.image?.url ?? null,
  }));
}

const documents = JSON.parse(readFileSync(0, "utf8"));
const read = [];
for (const { form, body } of documents) {
  read.push({
    feedsmith: withFeedsmith(form, body),
    "rss-parser": await withRssParser(form, body),
    "feed-parser": withFeedParser(form, body),
  });
}
process.stdout.write(JSON.stringify(read));
