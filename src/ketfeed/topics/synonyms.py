"""Words and phrases of one meaning, with which reports of one event are told in other words."""

from __future__ import annotations

SYNONYMS = """\
esketamine: intranasal ketamine | nasal ketamine | intranasal esketamine | esketamina | esketamin |
    antidepressant nasal spray | esketamine | spravato | s-ketamine | ketamine-derived nasal spray |
    ketamine nasal spray | nasal spray | ketamine-based nasal spray | ketamine derivative |
    ketamine-based antidepressant | ketamine-like drug | esketamine nasal spray | antidepressant spray |
    anti-depressant spray | depression spray | nasal antidepressant | ketamine-derived spray | ketamine-derived drug |
    ketamine-like depression drug | ketamine spray
j&j: johnson & johnson | johnson and johnson | j&j | janssen | johnson johnson
monotherapy: monotherapy | standalone | stand-alone | used alone | on its own | by itself |
    without an oral antidepressant | single therapy | solo treatment
fda: fda | food and drug administration | us regulators | u s regulators | us regulator |
    u s food and drug administration | federal regulators
approve: second indication | new indication | regulators accept | to the label | label expansion | expanded label |
    expands label | go-aheads | approve | approves | approved | approval | approvals | nod | greenlights |
    green light | greenlight | gives the green light | green-lights | clears | cleared | clearance | ok | oks |
    okays | authorizes | authorized | authorises | authorised | authorization | backs | gets go-ahead | go-ahead |
    zulassung | licensed | expands approval | expanded approval | okayed | widens use | wins nod | win nod |
    permits marketing | to be sold | accepts | accepted | allows | to allow | licenses | licences |
    given the green light | go ahead | clears the way | gets approval | wins approval
reject: vote against | voted against | voted down | turned back | reject | rejects | rejected | rejection | refuses |
    refused | declines | declined | turns down | turned down | complete response letter | denies | denied |
    votes against | not recommended | will not be recommended | snubs | turn down | does not recommend |
    should not be prescribed | says no to | said no | refuse | decline | rebuffs | rejecting
recommend: recommend | recommends | recommended | recommendation | recommendations | endorses | endorsed | panel votes
depression: depression | depressed | depressive | antidepressant | antidepressants | antidepressive | mdd | trd |
    treatment-resistant depression | major depressive disorder | major depression | depressione | low mood |
    negative frame of mind | clinical depression | anti-depressant | depresion | depressive episode | depressionen |
    depresja | depresji | depressao | depressie | depression resistante | depresion resistente
ptsd: ptsd | post-traumatic stress disorder | posttraumatic stress disorder | post-traumatic stress |
    posttraumatic stress | post traumatic stress disorder
ect: ect | electroconvulsive therapy | electroconvulsive | electroshock | shock therapy | electro-convulsive therapy
ocd: ocd | obsessive-compulsive disorder | obsessive compulsive disorder | obsessive-compulsive
pain: pain | pains | dolor | dolore | douleur | douleurs | schmerz | schmerzen | bol | dor | pijn | analgesia |
    analgesic | analgesics
crps: crps | complex regional pain syndrome
aud: drink heavily | drinks heavily | drank heavily | heavy drinking | alcohol relapse | problem drinker |
    alcohol misuse | alcohol abuse | alcohol problem | alcohol use disorder | problem drinkers | heavy drinkers |
    alcohol problems | drinking problems | problem drinking | severe alcohol problems | drinkers | drinker |
    alcohol use | alcoholism | alcoholic | alcoholics | alcohol addiction | alcohol dependence
suicide: suicide | suicides | suicidal | suicidality | suicidal ideation | suicidal thoughts | suicidaire |
    suicidaires | idees suicidaires | suicidio | suicida | suicidas | suizid | suizidgedanken | samobojstwo |
    samobojcze | zelfmoord
ketamine: ketamine | ketamina | ketaminy | ketaminowe | ketamin | special k | racemic ketamine
kap: ketamine-assisted therapy | ketamine-assisted psychotherapy | ketamine assisted therapy | psychedelic therapy |
    psychedelic-therapy | psychedelic treatment | psychedelic healthcare | ketamine therapy | ketamine treatment |
    kap
veteran: veteran | veterans | vet | vets | military | service members | servicemembers | soldiers | active duty
va: va | department of veterans affairs | veterans affairs | veterans administration
buy: buy | buys | buying | orders | ordered | order | purchase | purchases | procure | procurement |
    large quantities | a lot | massive purchase | bulk
charge: charged | charges | charge | indicted | indicts | indict | indictment | indictments | arrested | arrests |
    arrest | accused | face counts | counts | face charges
convict: convicted | convicts | convict | conviction | convictions | found guilty | finds guilty | guilty verdict |
    guilty verdicts | guilty of | guilty over | jury finds
plead: pleads guilty | pleaded guilty | plead guilty | pled guilty | plea | plea deal | plea agreement | guilty plea
sentence: sentenced | sentence | sentencing
prison: prison | jailed | jail | behind bars | months in prison | years in prison
confinement: home confinement | house arrest | home detention
probation: probation | supervised release | suspended sentence | community service
acquit: acquitted | not guilty | cleared of | charges dropped | dismissed
die: death | dies | died | dead | killed | killing | deaths | overdose | fatal | passed away | cause of death |
    found dead
reclassify: reclassify | reclassified | reclassification | reclassifying | upgrade | upgraded | class a | class-a |
    tougher class
review: review | reviews | ordered a review | seek advice | asked advisers | consult | asks experts
offer: offer | offers | offering | covers | cover | coverage | provide | provides | benefit | benefits | perk |
    employee benefit | health benefit | health benefits | healthcare benefit | healthcare benefits | health plan |
    employee health benefits
employee: employee | employees | worker | workers | staff | workforce | workplace
bronner: bronner | bronners | dr bronner | dr bronners | dr bronner s | bronner s | magic soaps
open: opens | opening | opened | launches | launched | launch | unveils | new location | new clinic
medic: medic | medics | paramedic | paramedics | emt | emts
officer: police officer | police officers | officer | officers | cop | cops
zuranolone: zuranolone | zurzuvae | sage-217
suzetrigine: suzetrigine | journavx | vx-548
naloxone: naloxone | narcan | overdose-reversal | overdose reversal | overdose antidote | overdose-reversal spray |
    naloxone nasal spray
otc: otc | over-the-counter | over the counter | without a prescription | without prescription | drugstore |
    drugstores | nonprescription | non-prescription
nonopioid: non-opioid | nonopioid | opioid-free | non-addictive | not addictive
postpartum: prenatal | antenatal | after birth | giving birth | after delivery | postnatal depression | postpartum |
    postnatal | after childbirth | related to childbirth | new mothers | perinatal
abstain: abstinent | abstinence | abstain | sober | sobriety | dry | without drinking | stay off alcohol
extendedrelease: extended-release | slow-release | prolonged-release | sustained-release | extended release |
    slow release | tablet | tablets | tablet form | pill | pills
compounded: compounded | compounding | compounder | compounders | mail-order | by mail
reimburse: reimburse | to be covered | basic insurance | basic package | added to the pbs | reimbursed | reimburses |
    reimbursement | subsidised | subsidized | subsidises | subsidizes | subsidy | pbs |
    pharmaceutical benefits scheme | refundacja | refundowany | refundowana | remboursement | rembourse | rimborso |
    erstattung | erstattet | financia | financiado | financiada | financiacion
priorauthorization: prior authorization | prior authorisation | prior approval | policy update
lsd: lsd | lysergide | lysergic acid | mm120
lozenge: lozenge | lozenges | troche | troches | sublingual
sedative: sedative | sedation | sedated | sedatives
intubation: intubation | intubate | intubating | intubated | rapid sequence induction
patent: patent | patents | generic | generics | copycat | copycats
extend: extend | extends | extended | extension | extensions | prolongs | prolonged
telehealth: telehealth | telemedicine | online prescribing | remote prescribing | virtual prescribing
sangha: jasveen sangha | sangha | ketamine queen
recall: recall | recalls | recalled
submit: seeks fda nod | seeks nod | seeks fda approval | asks fda | asks the fda | seeks us approval |
    files application | submits | submitted | submit | submission | files new drug application |
    new drug application | nda | snda | applies for approval | seeks approval | files for
panel: advisory committee | advisory panel | advisers | advisors | expert panel | panel
close: closes | closing | closed | closure | closures | shuts | shut | shuts down | shut down | shutting down |
    shutters | ceases operations | abruptly closes
bankrupt: creditor protection | creditors | ccaa | receivership | liquidation | bankruptcy | bankrupt | chapter 11 |
    chapter 7 | insolvency | insolvent
acquire: acquires | acquired | acquire | acquisition | buys out | takeover | takes over | merger | merges | to acquire
fund: award | awards | awarded | grant | grants | funding | funds | funded | raises | raised | receives
trial: trial | trials | study | studies | clinical trial | randomized trial | randomised trial | research |
    experiment | test | tests | essai | etude | estudio | ensayo | studie | studio | badanie | estudo | onderzoek
show: shows | show | finds | found | suggest | reveals | demonstrates | demonstrate | reports | results | findings
versus: head-to-head | comparative effectiveness | comparing | compares | compare | versus | vs | compared |
    compared with | compared to | comparison | comparable | better than | noninferior | non-inferior |
    noninferiority | as effective as | outperforms | beats | superior
quetiapine: quetiapine | seroquel | quetiapine xr | quetiapine extended release | extended-release quetiapine |
    quetiapine extended-release
phq9: phq-9 | patient-reported | patient-reported depression severity | patient questionnaire
warn: warns | warn | warning | warnings | alert | alerts | cautions | caution | issues alert | safety alert
ban: ban | bans | banned | prohibits | prohibited
psilocybin: psilocybin | magic mushrooms | magic mushroom | shrooms
mdma: mdma | ecstasy | midomafetamine | ecstasy-assisted | mdma-assisted
legalize: legalize | legalizes | legalized | legalise | legalises | decriminalize | decriminalise | decriminalizes |
    decriminalization | decriminalisation | legalization | ballot measure | ballot initiative | measure | voters
cardiac: cardiac arrest | cardiorespiratory arrest | heart stopped | heart attack
eu: ema | chmp | european commission | european medicines agency | eu | europe | european | european union | brussels
canada: health canada | canada | canadian | cadth
australia: tga | pbac | australia | australian | therapeutic goods administration | down under
japan: japan | japanese | pmda
china: china | chinese | nmpa
scotland: smc | scottish medicines consortium | scotland | scottish | scots
uk: uk | united kingdom | britain | british | england | mhra
phase1: phase 1 | phase i | phase 1a | phase 1b
phase2: phase 2 | midstage | mid-stage study | midstage study | phase ii | phase 2a | phase 2b | phase iib |
    phase iia | mid-stage
phase3: phase 3 | phase iii | phase 3b | phase 3a | late-stage
phase4: phase 4 | phase iv | post-marketing
nhs: nhs | national health service
nice: nice | national institute for health and care excellence
home office: home office | policing minister | crime minister | ministers | minister
delay: delay | delays | delayed | postpones | postponed | pushed back | pushes back
study start: doses first | first patient | first participant | begins dosing | starts dosing | initiates trial |
    recruiting | sought | looking for | recruit | enroll | enrolling | enrollment | enrolment | will test |
    will study | to examine | will evaluate | to test
child: pediatric | paediatric | adolescents | adolescent | children | teens | teenagers | 12 to 17 year olds
say: say | says | said | suggests | tells | told | talks | opens up | admits | admitted | admission | confirms |
    confirmed | defends | interview | interviewed | interviewer
use: use | uses | using | takes | taking | took | prescription | prescribed | his ketamine
investor: investor | investors | investitori | shareholders | tesla
one: 1st | first
six: 6 | six
fail: disappoints | futility | no benefit | no extra benefit | not superior | did not improve | setback |
    did not differ | were not different | falls flat | fails | failed | fail | misses endpoint |
    misses primary endpoint | missed its primary endpoint | misses | missed | did not beat placebo |
    did not reach significance | falls short | fell short | no better than placebo | disappoints
meet: meets goal | met goal | met its goal | meets main goal | met its main goal | meets primary endpoint |
    met its primary endpoint | meets endpoint | hits goal | hits phase 3 goal | beats placebo | beat placebo |
    succeeds
arketamine: arketamine | pcn-101 | r-ketamine
midazolam: midazolam | no better than sedative | no better than a sedative | sedative midazolam | a sedative
inpatient: inpatient | inpatients | hospitalised | hospitalized | hospital inpatients
france: france | french | francais | francaise | paris
germany: germany | german | deutschland | deutsche | berlin
italy: italy | italian | italia
spain: spain | spanish | espana | sanidad | madrid
ireland: ireland | irish | dublin
netherlands: netherlands | dutch | rotterdam | amsterdam
israel: israel | israeli
india: india | indian
brazil: brazil | brazilian
sweden: sweden | swedish
norway: norway | norwegian
denmark: denmark | danish
poland: poland | polish | polska
switzerland: switzerland | swiss
socialanxiety: social anxiety disorder | social anxiety | social phobia | stage fright | public speaking
anorexia: anorexia | anorexia nervosa | eating disorder | eating disorders
opioiduse: opioid use disorder | opioid addiction | opioid dependence | heroin addiction | heroin dependence
smoking: smoking cessation | quit smoking | quitting smoking | smoking
braininjury: traumatic brain injury | brain injury | brain injuries | tbi
parkinson: parkinson | parkinsons | parkinson s | parkinson's disease
epilepsy: epilepsy | status epilepticus | seizures
autism: autism | autistic | rett syndrome
grief: grief | bereavement | bereaved
cancer: cancer | cancers | palliative | hospice
migraine: migraine | migraines | headache | headaches
home: at home | at-home | home-based
"""
"""One concept a line: its name, then the words and phrases that mean it."""
