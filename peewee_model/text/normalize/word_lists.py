"""Which capitals are words and which are initials, where the letters alone do not tell."""


def words(text: str) -> frozenset[str]:
    """Make a set of words that are written in one string."""
    return frozenset(text.split())


ACRONYMS = words(
    """
    ACORN ADHOC AIDS ALCOA AMBER ANOVA ANSI ANZAC APEC ARM ASAT ASCII ASEAN ASIC ASIMO ASLEF ASMR AWACS AWOL BAFTA
    BAM BART BASIC BIOS BOGO BRICS CAD CAM CAPTCHA CARE CAT CERN CHIP CIRCA COBOL CONUS CORBA CORE COVID CREEP CUDA
    DARE DARPA DART DEFCON DELTA DOS DRAM DREAM DUNS ECHO ECOWAS EFTA EGOT EPCOT ERISA EULA EUROPOL FAANG FANNIE
    FARC FEMA FERPA FIAT FICA FIFA FISA FOMC FOMO FORTRAN FUBAR GAAP GATT GEICO GESTAPO GIF GIMP GIS GITMO GUI HAMAS
    HAZMAT HIPAA HUD HUMINT IBOR IKEA INTERPOL INTEL IRA ISIS JAG JAR JAVA JAXA JFET JPEG JSON KIPP LAN LASER LASIK
    LED LEED LEGO LIBOR LIDAR LIFO LISP LOFT MADD MANPADS MASH MEDEVAC MERCOSUR MERS MIDI MIPS MIRV MODEM MOMA MOOC
    MOOCS NAAFI NABISCO NAFTA NAND NASA NASCAR NASDAQ NATO NAV NAVY NIMBY NOAA NORAD NOW OFSTED OPEC OSHA OXFAM PAC
    PAN PATRIOT PEMDAS PESTEL PETA PHISH PIN PIXAR PLATO POSIX POTUS POW QANTAS QWERTY RADAR RAID RAM RAND RAPID
    RICO ROFL ROM RAF SAAB SAG SARS SATA SCOTUS SCUBA SCUD SEAL SEALS SEATO SHAPE SIM SMART SNAFU SNAP SOHO SONAR
    SOX SPAM SQUID START STEM STEAM STASI SWAT SWIFT TASER TED TELEX TIFF TOEFL TRIPS UEFA UNESCO UNICEF UNIX UNITA
    UNITAR UNPROFOR USAID VAT VIN VISA VISTA WAN WASP WAP WHOIS WIMP WIN WORM XANAX YAML YOLO YUPPIE ZIP NIMBYS PEZ
    DACA PACE TARP PIMCO EBITDA SOAP REIT WYSIWYG CRISPR UNCTAD UNHABITAT ICANN ICANN NIST CENTCOM SOCOM SETI HEPA
    NAVSTAR LORAN COINTELPRO SALT CANDU TOKAMAK BREXIT MENSA SPLOST CHIPS HOPE FAFSA GED LULAC ACLED OXO NERF ESSO
    FIDO NATOPS MAGA TEFL DINK EPROM EEPROM SRAM PRAM CRUD SCADA ETOPS SCORM ARPANET ALGOL PASCAL RISC CISC DOOM
    SIMS MASINT SIGINT SCIF OPSEC INFOSEC SCRUM KANBAN KISS LOTR BLT'S TIVO OLED QLED AMOLED CMOS ALEC
    """
) - {
    "ARM",
    "ECHO",
    "GED",
    "RAF",
    "IRA",
    "LED",
    "LOTR",
    "ASMR",
    "FOMC",
    "BLT'S",
    "NIMBYS",
    "GUI",
    "VIN",
    "WAP",
    "TED",
    "SQUID",
    "IBOR",
    "FERPA",
    "CAT",
    "PAN",
    "DREAM",
    "GIS",
    "RAND",
} | {"TED", "GUI", "FERPA", "IRA"} - {"IRA"}
"""Said as words."""

INITIALISMS = words(
    """
    AA AAA AARP ABA ABC ABS AC ACL ACLU ACT ACTH ADA ADD ADHD ADP AED AFC AFL AI AIG AKA ALS AM AMA AMC AMD AME AOC
    AOL AP APA API APR APY AR ASAP ASL ATM ATP ATV AV AWS AZT BA BAA BAC BBC BBQ BC BCE BFF BLM BLT BMI BMW BMX BO
    BP BPA BPD BS BSA BSE BTS BTU BTW BYOB BYU CAO CBC CBD CBS CC CCTV CD CDC CDO CE CEO CERT CFC CFO CGI CHF CIA
    CIO CIS CMO CNBC CNN CO COD COO COPD CPA CPAC CPI CPR CPU CRM CRT CSA CSI CSS CST CT CTO CUNY CV CVS DA DC DDT
    DEA DHL DHS DIY DJ DMV DMZ DNA DNC DNS DOA DOB DOD DOE DOJ DOT DPRK DSL DSM DST DUI DVD DVR DWI EA EBT ECB ECG
    ECT ECU EDM EDT EEG EEOC EIN EKG EMP EMS EMT ENT EOD EPA EPS ER ERA ERP ESA ETC ESL ESP ESPN EST ET ETA ETC ETF
    EU EV EVA FAA FAO FAQ FBI FCC FDA FDIC FDR FEC FFA FHA FIR FM FOIA FPS FSB FSU FTC FTP FTSE FX FYI GAO GCHQ GDP
    GDPR GE GED GI GMAT GMC GMO GMT GNP GOP GPA GPS GPT GPU GRE GSA GSK GST HBCU HBO HD HDMI HDTV HGTV HIV HMO HMS
    HOA HOV HP HPV HQ HR HRT HSBC HTML HTTP HTTPS HUAC HVAC IAEA IBM IBS ICBM ICC ICE ICU ID IDE IED IEEE IMAX IMDB
    IMF IMO INS IOC IOU IP IPA IPO IQ IR IRA IRC IRL IRS ISBN ISO ISP ISS IT ITV IUD IV IVF JD JFK JV KFC KGB KKK KO
    KPI LA LAPD LAX LBJ LCD LED LGA LGBT LGBTQ LLB LLC LLM LLP LOL LP LPG LPGA LSAT LSD LSE LSU LTD MA MBA MBE MC
    MCAT MD MDF MDMA MGM MI MIA MIT MLA MLB MLK MLM MLS MMA MMO MMR MO MOT MP MRI MS MSG MSNBC MTA MTV MVP NAACP
    NASL NBA NBC NCAA NCIS NCO NDA NEA NFC NFL NGO NHL NHS NIH NIMH NLRB NPC NPR NRA NSA NSF NTSB NYC NYPD NYSE NYU
    OAS OBE OCD OCR OED OEM OJ OMB OMG OMS OPM OR OS OSU OT OTC PA PBS PC PDA PDF PDT PE PG PGA PHP PI PJ PLC PM PMS
    PO POS POV PPE PPI PPP PPO PR PS PSA PSI PST PT PTA PTO PTSD PUBG PVC QA QC QE QR QVC RAF RBI RCA RCMP RD RDA
    RDF REI REM RER RFID RFK RIP RN RNA RNC ROI ROK ROTC RPG RPM RSVP RV SAT SATS SBA SCCA SDK SEC SEO SFO SIDS SLR
    SMS SNL SOB SOP SOS SPCA SPF SQL SSD SSN SSRI STD SUNY SUV SVP TA TB TBA TBD TBS TCM TCU TD TGIF TLC TMI TMZ TNT
    TSA TTC TTYL TV TVA TWA UAE UAW UCL UCLA UFC UFO UK UN UNC UPC UPI UPS URI URL US USA USB USC USDA USGS USMC USN
    USPS USS USSR UTC UTI UV UX VA VC VCR VHF VHS VIP VP VPN VR VW WBA WBC WC WHO WMD WNBA WTF WTO WWE WWF WWI WWII
    WWW XML YMCA YWCA ZZ AAPL ABBA ACC ACM AFB AFK AMPAS AMTRAK ANC APS ASPCA ATF ATT BART BDSM BRB CAA CAF CCP CEU
    CNC CSV DAO DIA DLC DMCA DOI EIA EIR ENIAC EPO ESOP EURO FAO FDNY FICO GCSE GUID HIFI HDR HOF IBEW IFC IPCC IPL
    IRB ISI ITU IUCN JST JVC KLM KPMG LVMH MDT MSRP MST NAB NBER NES NIMBY NKVD NOAA NSFW NZ OECD OPCW OSCE OSS OTT
    PAYE PRC PSG PSV RFP ROE RSI RSS RSPCA SAA SAS SCA SDS SLA SME SPD SSA SUSE TARDIS TEU THC TIA TSE UAV UHF UI
    UKIP UMASS UNHCR UPA USPTO USTA UWM VFX VOA VOIP WASM WIPO XL XXL YTD YA ZDF AUX EEA EFL EMI EOE ESG EVP IDF IDP
    IMHO IOS IOT IPS ISA ITT IUPUI NIV OAU OCS OEO OTB PAO PEI ROV SEIU UAR UCI UEA UIC USAF USO UTA UVA AOK
    """
) - {
    "BART",
    "EURO",
    "CERT",
    "AMTRAK",
    "ABBA",
    "NIMBY",
    "NOAA",
    "TARDIS",
    "SUSE",
    "FICO",
    "ENIAC",
    "IMAX",
    "SIDS",
    "CPAC",
    "SPLOST",
} | {"NOAA"} - {"NOAA"}
"""Said letter by letter, though some could be read as words."""

SHOUTED = words(
    """
    IT US AM OR ME IN SO HI OK WHO ACT ADD ICE MA PA TA ET CO LA DO MIA ERA REM DOT INS SAT EVA ADA
    """
)
"""Initials that are words as well: between shouted words they are those."""

SAID_LIKE = {
    "OK": "okay", "IEEE": "I triple E", "NAACP": "N double A C P", "NCAA": "N C double A",
    "AAA": "triple A", "WWII": "world war two", "WWI": "world war one", "MSDOS": "M S dos", "HVAC": "H vac",
    "JPEG": "jay peg", "CDROM": "C D rom", "VIPER": "viper", "WIFI": "wi fi", "PhDs": "P H D's",
    "YouTube": "youtube", "GitHub": "git hub", "LinkedIn": "linked in", "JavaScript": "javascript",
    "WhatsApp": "whatsapp", "PayPal": "paypal", "TikTok": "tiktok", "PlayStation": "playstation",
    "PowerPoint": "powerpoint", "MacBook": "macbook", "FaceTime": "facetime", "McDonald's": "mcdonald's",
    "iOS": "I O S", "iPhone": "iphone", "iPad": "ipad", "iPod": "ipod",
    "iMac": "imac", "eBay": "ebay", "eBook": "ebook", "eBooks": "ebooks",
    "iTunes": "itunes", "iCloud": "icloud", "macOS": "mac O S", "tvOS": "T V O S", "LaTeX": "latex", "WiFi": "wi fi",
    "HiFi": "hi fi", "SciFi": "sci fi", "LoL": "L O L", "MoMA": "moma", "VoIP": "voip", "SaaS": "sass", "PaaS": "pass",
    "GoPro": "go pro", "vLog": "vlog", "eSports": "esports", "JoAnn": "joann", "LeBron": "lebron",
    "DeSantis": "desantis", "OxyContin": "oxycontin", "dB": "decibels", "kWh": "kilowatt hours",
}  # fmt: skip
"""Said in a way of their own."""

SPELLED_MIXED = words("PhD BSc MSc BEd MEd mRNA tRNA rRNA pH DoD DoJ IoT QoS NaCl UofT")
"""Said letter by letter, though some letters are small."""

WORDS = words(
    """
    able about above across act add after again age ago ahead air all allow almost alone along also always am among
    an and any apple apply are area arm army art as ask at away baby back bad bag ball ban band bank bar base bath
    be bed beer before begin below best bet better big bike bill bird bit black blog blue boat body bold book boot
    born boss both box boy bread break bring brown bug build bus busy but buy by cake call calm came can car card
    care cash cat catch cause chair chat check child city class clean clear click close closed cloud club coat code
    cold color come cook cool copy core corn cost count cover cow crash crazy cry cup cut cute dad daily dance
    danger dark data date day dead deal dear death debug deep delete demo desk did die diet dinner dirt do docs does
    dog doing done door double down draft drag draw dream dress drink drive drop dry due dug dust duty each early
    earn earth east easy eat edge edit egg eight else email empty end enjoy enough enter even ever every exam exit
    extra eye face fact fail fair fake fall false family fan far farm fast fat fear feed feel feet fell few field
    file fill film final find fine fire first fish fit five fix flag flat floor flow fly focus food foot for force
    form found four free fresh friend from front fruit full fun fund game garden gas gate get gift girl give glad go
    goal goat god going gold gone good got grab grass great green grew group grow guard guess guest guide gun guy
    had hair half hall hand happy hard has hat hate have he head heal hear heart heat heavy hello help hen her here
    hero hers hey hid hide high hill him his hit hold hole home hope horse hot hotel hour house how hug huge hungry
    hurry hurt i ice idea if in index inn info input into is it item its jam jet job join joke joy jump just keen
    keep kept key kick kid kill kind king kiss knew know lab lad lady lake lamp land lane large last late laugh law
    lay lazy lead leaf learn least leave left leg less let letter level lid lie life lift light like lime line link
    lion lip list live load loan local lock log long look lose loss lost lot loud love low luck lunch mad made mail
    main make man many map mark mass may me meal mean meat media meet men menu mess met might mile milk mind mine
    minor miss mix mom money month moon more most mother move movie much mud mug must my nail name near neck need
    nest net never new news next nice night nine no node noise none noon nor nose not note now nut oak odd of off
    offer often oh oil old on once one only open option or order our out outer output oven over own pack page paid
    pain pair pan panic paper park part party pass past path pause pay peace pen people per pet phone photo pick pie
    pig pile pink pipe place plan plane plant plate play please plus poet point pool poor pop post pot pray press
    price pride print prize proof pull pump pure push put queen quick quiet quit quite quiz race radio rain ran rat
    rate raw reach read ready real really red rest rich ride right ring rise risk river road roar rob rock role roll
    roof room root rose rotten round row rude rule run rush sad safe said sail sale salt same sand sang save saw say
    scan sea search seat second secret see seed seek sell send sent serve set seven shake shall shape share she ship
    shirt shoe shop short shot should show shut shy sick side sign silly sing sink sir sit site six size skill skin
    skip sky sleep slow small smart smell smile snow so soap soft sold some son song soon sorry sort soul sound soup
    south spa speak speed spell spin sport spot spring stage stair star start state stay steal steam stem step stick
    still stone stood stop store storm story stream street strong such sugar suit summer sun sure swim table tag
    tail take talk tall tank tap tape task tax tea teach team tear tell ten tent test text than thank that the their
    them then there these they thick thin thing think third this those three throw tie tiger time tin tiny tip tired
    title to toast today toe told tone tonight too took tool top touch tough tour town toy track trade train trap
    trash travel tree trip truck true trust truth try turn twice two type ugly uncle under until up upon urgent us
    use used user value van vast vein verbose very view village visit voice vote wage wait wake walk wall want war
    warm warn was wash waste watch water wave way we weak wear web wed week weird well went were west wet what wheel
    when where which while white who whole whose why wide wife wild will win wind wine wing winter wire wise wish
    with wolf woman women won wood word work world worry worse worst would wow write wrong wrote yard yay year yell
    yellow yes yet you young your zero zone zoo zip config main app setup budget intro blog shop apply user users
    total count foo bar baz max min sum avg temp init args name names list dict string value values error errors
    test tests util utils src home var usr bin lib tmp dev opt log logs data docs desktop downloads readme license
    changelog makefile hart ben sales tom mia lena photo photos draft report notes final invoice resume backup
    backups music video videos pictures images image budget thumb icon logo banner style styles script scripts
    server client proxy cache token login logout admin guest
    """
)
"""Common words: in capitals they are shouted, and in the names of computers they are not spelled."""
