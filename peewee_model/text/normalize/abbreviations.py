"""The abbreviations of written English: what they are short for, and beside what.

Keys are in lower case and have no full stop at the end. The splitter of sentences and the readers use the same tables.
"""

TITLES = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "mx": "mix", "messrs": "messieurs", "mme": "madame",
    "mlle": "mademoiselle", "dr": "doctor", "drs": "doctors", "prof": "professor", "profs": "professors",
    "rev": "reverend", "fr": "father", "br": "brother", "hon": "honorable", "gen": "general", "col": "colonel",
    "maj": "major", "capt": "captain", "cpt": "captain", "lt": "lieutenant", "sgt": "sergeant", "cpl": "corporal",
    "pvt": "private", "pfc": "private first class", "adm": "admiral", "cmdr": "commander", "cdr": "commander",
    "comdr": "commander", "brig": "brigadier", "ens": "ensign", "cmsgt": "chief master sergeant", "gov": "governor",
    "sen": "senator", "sens": "senators", "rep": "representative", "reps": "representatives", "pres": "president",
    "amb": "ambassador", "atty": "attorney", "det": "detective", "insp": "inspector", "supt": "superintendent",
    "ofc": "officer", "msgr": "monsignor", "asst": "assistant", "dep": "deputy", "lieut": "lieutenant",
    "ald": "alderman", "cllr": "councillor", "sec": "secretary", "treas": "treasurer", "spc": "specialist",
    "ssgt": "staff sergeant", "vadm": "vice admiral", "radm": "rear admiral", "comm": "commissioner",
    "chmn": "chairman", "dir": "director", "mgr": "manager", "hr": "herr", "st": "saint", "sr": "sister",
    "sra": "senora", "srta": "senorita", "mons": "monsieur", "secy": "secretary", "gens": "generals",
    "pvts": "privates", "sgts": "sergeants", "cpls": "corporals", "govs": "governors", "revs": "reverends",
    "cols": "colonels", "capts": "captains", "lts": "lieutenants", "pte": "private", "presid": "president",
    "bp": "bishop", "abp": "archbishop", "card": "cardinal", "ven": "venerable", "bro": "brother", "sis": "sister",
    "comdt": "commandant", "sfc": "sergeant first class", "msgt": "master sergeant", "tsgt": "technical sergeant",
    "hons": "honorables",
}  # fmt: skip
"""Before a name; a sentence never ends after one."""

TITLES_WITHOUT_STOP = frozenset(
    ("mr", "mrs", "ms", "mx", "dr", "drs", "prof", "sgt", "capt", "gen", "col", "maj", "lt", "cpl", "pvt", "sen",
     "gov", "rev", "mme", "adm", "messrs", "cmdr", "st")
)  # fmt: skip
"""Those that are read before a name without their full stop."""

AFTER_NAMES = {
    "jr": "junior", "sr": "senior", "esq": "esquire", "inc": "incorporated", "ltd": "limited", "corp": "corporation",
    "co": "company", "cos": "companies", "bros": "brothers", "llc": "L L C", "assn": "association", "ph.d": "P H D",
    "phd": "P H D", "m.d": "M D", "d.d.s": "D D S", "j.d": "J D", "ll.d": "L L D", "r.n": "R N", "cpa": "C P A",
    "ret": "retired", "univ": "university", "inst": "institute", "mfg": "manufacturing", "intl": "international",
    "assoc": "association", "assocs": "associates", "dept": "department", "depts": "departments", "mt": "mount",
    "mts": "mountains", "mtn": "mountain", "mtns": "mountains", "ft": "fort", "pt": "point", "is": "island",
    "natl": "national", "govt": "government", "ctr": "center", "hosp": "hospital", "sch": "school", "lib": "library",
    "acad": "academy", "div": "division", "admin": "administration", "edn": "edition", "grp": "group",
}  # fmt: skip
"""Beside a name with a capital."""

GENERAL = {
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department", "depts": "departments",
    "govt": "government", "univ": "university", "cf": "compare", "viz": "namely", "ca": "circa", "avg": "average",
    "max": "maximum", "min": "minimum", "misc": "miscellaneous", "est": "established", "incl": "including",
    "excl": "excluding", "temp": "temperature", "temps": "temperatures", "assn": "association", "mgmt": "management",
    "mgr": "manager", "mgrs": "managers", "mfg": "manufacturing", "mfr": "manufacturer", "orig": "original",
    "cont": "continued", "dist": "district", "div": "division", "elec": "electric", "equip": "equipment",
    "gov't": "government", "int'l": "international", "nat'l": "national", "intl": "international",
    "dept's": "department's", "natl": "national", "prev": "previous", "qty": "quantity", "ref": "reference",
    "refs": "references", "req": "required", "reqd": "required", "std": "standard", "subj": "subject",
    "tel": "telephone", "ext": "extension", "attn": "attention", "bldg": "building", "bldgs": "buildings",
    "apt": "apartment", "apts": "apartments", "rm": "room", "rms": "rooms", "ste": "suite", "flr": "floor",
    "abbr": "abbreviation", "acct": "account", "accts": "accounts", "addr": "address", "amt": "amount",
    "anon": "anonymous", "appt": "appointment", "appts": "appointments", "assoc": "associate", "asst": "assistant",
    "attrib": "attributed", "b": "born", "cent": "century", "cert": "certificate", "cond": "condition",
    "def": "definition", "deg": "degrees", "dia": "diameter", "diam": "diameter", "docs": "documents",
    "esp": "especially", "exc": "except", "fem": "feminine", "freq": "frequency", "fwd": "forward", "ht": "height",
    "wt": "weight", "ibid": "ibid", "illus": "illustrated", "info": "information", "intro": "introduction",
    "jct": "junction", "lat": "latitude", "long": "longitude", "masc": "masculine", "mkt": "market", "mo": "month",
    "mos": "months", "obj": "object", "opp": "opposite", "pkg": "package", "pkgs": "packages", "pkt": "packet",
    "pl": "plural", "pop": "population", "poss": "possible", "pub": "published", "recd": "received",
    "rec'd": "received", "resp": "respectively", "rev": "revised", "sci": "science", "sing": "singular",
    "spec": "specification", "specs": "specifications", "sq": "square", "supp": "supplement", "syn": "synonym",
    "tech": "technical", "trans": "translated", "usu": "usually", "var": "variety", "wk": "week", "wks": "weeks",
    "yr": "year", "yrs": "years", "hr": "hour", "hrs": "hours", "mins": "minutes", "secs": "seconds", "sec": "second",
    "dec'd": "deceased", "diff": "difference", "fig": "figure", "figs": "figures", "vol": "volume", "vols": "volumes",
    "ch": "chapter", "chap": "chapter", "chs": "chapters", "sect": "section", "sects": "sections", "para": "paragraph",
    "paras": "paragraphs", "pg": "page", "pgs": "pages", "pp": "pages", "ed": "edition", "eds": "editors",
    "comp": "compiler", "corp": "corporation", "inc": "incorporated", "ltd": "limited", "bros": "brothers",
    "jr": "junior", "esq": "esquire", "lbs": "pounds", "lb": "pound", "oz": "ounce", "tsp": "teaspoon",
    "tbsp": "tablespoon", "doz": "dozen", "pr": "pair", "gal": "gallon", "gals": "gallons", "kg": "kilogram",
    "km": "kilometers", "cm": "centimeter", "mm": "millimeter", "mi": "miles", "yd": "yard", "yds": "yards",
    "ft": "feet", "lic": "license", "sked": "schedule", "dbl": "double", "w": "with", "wkly": "weekly",
    "mtg": "meeting", "mtgs": "meetings", "res": "reservation", "resv": "reservation", "reg": "regular",
    "regs": "regulations", "sgd": "signed", "ann": "annual", "assd": "assorted", "asstd": "assorted",
    "avail": "available", "bal": "balance", "cap": "capacity", "chg": "charge", "comm": "committee", "del": "delivery",
    "dup": "duplicate", "env": "environment", "exp": "expires", "fac": "faculty", "gen": "general", "hwy": "highway",
    "immed": "immediately", "ins": "insurance", "inv": "invoice", "lang": "language", "lg": "large", "med": "medium",
    "sm": "small", "mil": "military", "mod": "modern", "nr": "near", "obs": "obsolete", "occ": "occasional",
    "org": "organization", "pd": "paid", "perm": "permanent", "prelim": "preliminary", "prob": "probably",
    "prop": "property", "prod": "production", "quot": "quotation", "rcpt": "receipt", "recpt": "receipt",
    "sched": "schedule", "sep": "separate", "ser": "series", "st": "street", "stat": "statistic",
    "stats": "statistics", "tot": "total", "twp": "township", "vac": "vacation", "veg": "vegetable", "vet": "veteran",
    "vocab": "vocabulary", "yd's": "yard's", "fl": "floor", "hosp": "hospital", "rd": "road", "ave": "avenue",
    "blvd": "boulevard", "co": "company", "eqn": "equation", "eq": "equation", "eqs": "equations", "ex": "example",
    "exx": "examples", "thm": "theorem", "op": "opus", "alt": "altitude", "elev": "elevation", "sub": "substitute",
    "secy": "secretary", "dept'l": "departmental", "ord": "order", "orch": "orchestra", "bef": "before",
    "aft": "after", "betw": "between",
}  # fmt: skip
"""Before a word in lower case, a number or a comma; those that are words themselves nowhere else."""

ALWAYS = frozenset(
    ("vs", "etc", "approx", "dept", "depts", "govt", "viz", "cf", "avg", "misc", "incl", "excl", "mgmt", "bldg", "apt",
     "figs", "vols", "sect", "pgs", "tbsp", "tsp", "lbs", "hrs", "yrs", "wks", "mins", "secs", "acct", "amt", "appt",
     "assn", "attn", "qty", "tel", "pkg", "recd", "esp", "intl", "natl", "univ", "jct", "twp", "sgd", "mtg", "hosp")
)  # fmt: skip
"""Those of `GENERAL` that are no words, and so are read before anything."""

BEFORE_NUMBER = {
    "no": "number", "nos": "numbers", "fig": "figure", "figs": "figures", "p": "page", "pp": "pages", "pg": "page",
    "pgs": "pages", "ch": "chapter", "chs": "chapters", "chap": "chapter", "chaps": "chapters", "sec": "section",
    "secs": "sections", "sect": "section", "vol": "volume", "vols": "volumes", "art": "article", "arts": "articles",
    "par": "paragraph", "para": "paragraph", "pt": "part", "pts": "parts", "bk": "book", "bks": "books", "ln": "line",
    "l": "line", "ll": "lines", "n": "note", "v": "verse", "vv": "verses", "eq": "equation", "eqs": "equations",
    "ex": "example", "app": "appendix", "op": "opus", "ext": "extension", "rm": "room", "apt": "apartment",
    "ste": "suite", "bldg": "building", "rt": "route", "rte": "route", "hwy": "highway", "ref": "reference",
    "ser": "series", "st": "street", "tab": "table", "cl": "clause", "col": "column", "cols": "columns",
    "ep": "episode", "eps": "episodes", "pl": "plate", "item": "item", "mk": "mark", "c": "circa", "ca": "circa",
    "est": "established", "b": "born", "d": "died", "lot": "lot", "unit": "unit", "fl": "floor", "div": "division",
    "sq": "squadron", "dist": "district", "cf": "compare", "approx": "approximately", "opp": "opposite",
    "q": "question", "box": "box", "tel": "telephone", "ph": "phone", "cat": "catalog", "inv": "invoice",
    "i-": "interstate",
}  # fmt: skip
"""Before a number, a Roman numeral or a single letter only: "no." ends sentences."""

NEVER_END = frozenset(("cf", "viz", "e.g", "i.e", "vs", "v", "ca", "approx", "incl", "fig", "figs", "al"))
"""Words that need another word after them, though that may have a capital."""

STREETS = {
    "st": "street", "dr": "drive", "ave": "avenue", "av": "avenue", "blvd": "boulevard", "rd": "road", "ln": "lane",
    "ct": "court", "pl": "place", "sq": "square", "pkwy": "parkway", "pky": "parkway", "hwy": "highway",
    "ter": "terrace", "terr": "terrace", "cir": "circle", "trl": "trail", "tr": "trail", "expy": "expressway",
    "expwy": "expressway", "fwy": "freeway", "tpke": "turnpike", "tpk": "turnpike", "xing": "crossing",
    "cres": "crescent", "aly": "alley", "plz": "plaza", "hts": "heights", "pt": "point", "rte": "route", "rt": "route",
    "byp": "bypass", "cswy": "causeway", "est": "estates", "gdns": "gardens", "grn": "green", "hbr": "harbor",
    "jct": "junction", "lndg": "landing", "mdws": "meadows", "vly": "valley", "vlg": "village", "wy": "way",
    "brg": "bridge", "crk": "creek", "bch": "beach", "apts": "apartments", "bldg": "building", "pier": "pier",
    "prom": "promenade", "crt": "court", "gr": "grove", "mnr": "manor", "psge": "passage", "sta": "station",
    "str": "street", "wk": "walk", "sts": "streets", "aves": "avenues", "rds": "roads", "blvds": "boulevards",
    "lns": "lanes", "cts": "courts",
}  # fmt: skip
"""After a name: "Oak Dr." is not a doctor."""

ROADS = {"rt": "route", "rte": "route", "hwy": "highway", "ste": "suite", "apt": "apartment", "rm": "room",
         "bldg": "building", "mt": "mount", "ft": "fort", "pt": "point", "pte": "pointe", "co": "county",
         "is": "island", "ave": "avenue", "blvd": "boulevard", "rd": "road"}  # fmt: skip
"""Before a name or a number."""

DIRECTIONS = {"n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest",
              "se": "southeast", "sw": "southwest", "n.e": "northeast", "n.w": "northwest", "s.e": "southeast",
              "s.w": "southwest"}  # fmt: skip

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
          "november", "december")  # fmt: skip
MONTH_ABBREVIATIONS = {
    "jan": "january", "feb": "february", "febr": "february", "mar": "march", "apr": "april", "jun": "june",
    "jul": "july", "aug": "august", "sep": "september", "sept": "september", "oct": "october", "nov": "november",
    "dec": "december",
}  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAY_ABBREVIATIONS = {
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "weds": "wednesday", "thu": "thursday",
    "thur": "thursday", "thurs": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip
CALENDAR = MONTH_ABBREVIATIONS | WEEKDAY_ABBREVIATIONS

DOTTED = {
    "e.g": "for example", "i.e": "that is", "a.k.a": "also known as", "et al": "et al", "c.f": "compare",
    "w.r.t": "with respect to", "op. cit": "op cit", "q.v": "Q V", "m.p.h": "miles per hour",
    "r.p.m": "revolutions per minute", "p.s": "P S", "n.b": "N B", "c.o.d": "C O D", "e.t.a": "E T A",
}  # fmt: skip
"""With full stops inside, and said otherwise than as letters; other such are letters."""

SLASHED = {
    "w/o": "without", "w/in": "within", "w/": "with", "b/c": "because", "c/o": "care of", "n/a": "N A",
    "b/w": "between", "d/t": "due to", "s/he": "she or he", "w/e": "whatever", "p/u": "pick up", "h/t": "hat tip",
}  # fmt: skip

ABBREVIATIONS = frozenset((*TITLES, *AFTER_NAMES, *GENERAL, *BEFORE_NUMBER, *STREETS, *ROADS, *CALENDAR, "sr", "v"))
"""All that a full stop follows."""
