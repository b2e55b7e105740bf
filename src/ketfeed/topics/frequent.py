"""How often the reports of this field have a concept: a fixed table, counted once over some 3,000 entries."""

from __future__ import annotations

STATES = frozenset("""\
    alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois
    indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri
    montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington
    wisconsin wyoming
""".split())  # fmt: skip  # noqa: SIM905  # a table of words reads better as text

_EVERYWHERE = frozenset("""\
    adult anxiety approve clinic com depression disorder dose drug esketamine http ii iii infusion item ketamine
    language nct one org pain patient people ptsd record say show suicide treatment trial use www
""".split())  # fmt: skip  # noqa: SIM905  # a table of words reads better as text
"""Concepts of one in fourteen reports of this field, or more: they say nothing of the event."""

_OFTEN = STATES | frozenset("""\
    acquire american angele angeles approve april ask attorney aud august australia bankrupt bipolar blood brain
    british canada care case center charge child china chronic city close company controll convict county court day
    december department describe die diego district doctor dutch effect episode eu european explain extend
    extendedrelease fail family fda february federal fell france francisco french friday friend fund german germany
    government governor grand health help home hospital hour illness india ireland italian italy j&j january japan
    johnson july june jury justice kap label las legalize list lithium london long los low march may mdma medicine
    meet mental mg midazolam million minister monday month mood netherlands november ocd october offer open opioid
    otc panel placebo plead podcast police polish post president prevention psilocybin psychedelic psychiatrist
    randomiz recall reclassify recommend reimburse reject report resistant review risk san score scotland sedative
    september session severe sign six spain spanish star submit symptom therapy time trauma treat uk university va
    vega vegas verdict versus veteran warn week work york
""".split()) | {"home office"}  # fmt: skip  # noqa: SIM905  # a table of words reads better as text
"""Concepts of one in fifty; and what is done in many reports, where and by whom."""

_AT_TIMES = frozenset("""\
    abstain active actor acute add added addiction against ai among analysis anesthetic announce another answer app
    back become behavior better bladder blind build buy call change charge class combin comment compare compounded
    condition consider cost course creat crisis crossover crps cut data david decade development discuss
    dissociation door double ect efficacy emergency employee end evidence expect expert exposure extend fear feature
    follow form former foundation free generaliz group guide half harm hope improv induction injection inpatient
    intranasal intravenous intubation john know last led less life lift look lower lozenge man management medic
    medical michael minute monitor monotherapy musk name national near need nurse old online oral panel panic paper
    participant pay percent perry phase2 phase3 physician pilot plan point postpartum potential prescriber pressure
    price product program provider question quetiapine rapid rate reach read receiv receptor recovery reduce
    refractory regulator reimburse relapse relief researcher respond response safe safety saline see separation
    service share side sign single site small social spray start state stay stop supply surgery take talk team
    telehealth term therapist thing third thought today trump twice visit volunteer want way web weekly whether
    woman women world young
""".split())  # fmt: skip  # noqa: SIM905  # a table of words reads better as text
"""Concepts of one in a hundred."""

_SHARES = dict.fromkeys(_AT_TIMES, 0.7) | dict.fromkeys(_OFTEN, 0.4) | dict.fromkeys(_EVERYWHERE, 0.0)


def share(concept: str) -> float:
    """How rare a concept is among the reports of this field, 0 (everywhere) .. 1."""
    known = _SHARES.get(concept)
    if known is not None:
        return known
    if concept.isdigit():
        return 0.0 if len(concept) == 4 and concept.startswith(("19", "20")) else 0.4
    return 1.0
