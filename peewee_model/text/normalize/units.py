"""Units of measure: what is written after a number, and its name for one and for many."""

from functools import cache

_PREFIXES = {"n": "nano", "µ": "micro", "u": "micro", "m": "milli", "c": "centi", "d": "deci", "k": "kilo", "M": "mega",
             "G": "giga", "T": "tera", "P": "peta"}  # fmt: skip
# A symbol, its name for one and for many, and the prefixes that it is used with.
_SYSTEMATIC = (
    ("m", "meter", "meters", "nµumcdk"), ("g", "gram", "grams", "nµumk"), ("L", "liter", "liters", "µumcdk"),
    ("l", "liter", "liters", "µumcdk"), ("s", "second", "seconds", "nµm"), ("V", "volt", "volts", "µmkM"),
    ("W", "watt", "watts", "µmkMGT"), ("Wh", "watt hour", "watt hours", "kMGT"), ("A", "amp", "amps", "µmk"),
    ("Ah", "amp hour", "amp hours", "m"), ("Hz", "hertz", "hertz", "kMGT"), ("J", "joule", "joules", "mkMG"),
    ("N", "newton", "newtons", "mk"), ("Pa", "pascal", "pascals", "hkMG"), ("bar", "bar", "bars", "m"),
    ("cal", "calorie", "calories", "k"), ("B", "byte", "bytes", "kMGTP"), ("b", "bit", "bits", "kMG"),
    ("bit", "bit", "bits", "kMG"), ("bps", "bit per second", "bits per second", "kMGT"), ("Ω", "ohm", "ohms", "mkMG"),
    ("F", "farad", "farads", "nµpm"), ("eV", "electron volt", "electron volts", "kMGT"), ("mol", "mole", "moles", "µm"),
    ("t", "ton", "tons", "kM"), ("px", "pixel", "pixels", "M"), ("lm", "lumen", "lumens", ""),
    ("Sv", "sievert", "sieverts", "µm"), ("Bq", "becquerel", "becquerels", "kM"), ("T", "tesla", "teslas", "mµ"),
)  # fmt: skip

_PLAIN = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"),
    "fps": ("frame per second", "frames per second"), "rpm": ("revolution per minute", "revolutions per minute"),
    "bpm": ("beat per minute", "beats per minute"), "mpg": ("mile per gallon", "miles per gallon"),
    "psi": ("pound per square inch", "pounds per square inch"), "dpi": ("dot per inch", "dots per inch"),
    "ppi": ("pixel per inch", "pixels per inch"), "ppm": ("part per million", "parts per million"),
    "ppb": ("part per billion", "parts per billion"), "wpm": ("word per minute", "words per minute"),
    "mi": ("mile", "miles"), "in": ("inch", "inches"), "ins": ("inch", "inches"), "ft": ("foot", "feet"),
    "yd": ("yard", "yards"), "yds": ("yard", "yards"), "nmi": ("nautical mile", "nautical miles"),
    "nm": ("nanometer", "nanometers"), "kt": ("knot", "knots"), "kts": ("knot", "knots"), "kn": ("knot", "knots"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "st": ("stone", "stone"),
    "fl oz": ("fluid ounce", "fluid ounces"), "fl. oz": ("fluid ounce", "fluid ounces"), "pt": ("pint", "pints"),
    "pts": ("point", "points"), "qt": ("quart", "quarts"), "qts": ("quart", "quarts"), "gal": ("gallon", "gallons"),
    "gals": ("gallon", "gallons"), "tsp": ("teaspoon", "teaspoons"), "tbsp": ("tablespoon", "tablespoons"),
    "Tbsp": ("tablespoon", "tablespoons"), "tsps": ("teaspoon", "teaspoons"), "tbsps": ("tablespoon", "tablespoons"),
    "cc": ("cubic centimeter", "cubic centimeters"), "sec": ("second", "seconds"), "secs": ("second", "seconds"),
    "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "h": ("hour", "hours"), "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"), "wk": ("week", "weeks"), "wks": ("week", "weeks"), "mo": ("month", "months"),
    "mos": ("month", "months"), "yr": ("year", "years"), "yrs": ("year", "years"), "ha": ("hectare", "hectares"),
    "ac": ("acre", "acres"), "sqft": ("square foot", "square feet"), "doz": ("dozen", "dozen"),
    "mcg": ("microgram", "micrograms"), "hp": ("horsepower", "horsepower"), "HP": ("horsepower", "horsepower"),
    "BTU": ("B T U", "B T U's"), "dB": ("decibel", "decibels"), "db": ("decibel", "decibels"),
    "dBA": ("decibel", "decibels"), "MP": ("megapixel", "megapixels"), "lx": ("lux", "lux"),
    "cd": ("candela", "candelas"), "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    "mm Hg": ("millimeter of mercury", "millimeters of mercury"), "atm": ("atmosphere", "atmospheres"),
    "Mbps": ("megabit per second", "megabits per second"), "mbps": ("megabit per second", "megabits per second"),
    "KB": ("kilobyte", "kilobytes"), "mb": ("megabyte", "megabytes"), "gb": ("gigabyte", "gigabytes"),
    "Kb": ("kilobit", "kilobits"), "tb": ("terabyte", "terabytes"), "kb": ("kilobyte", "kilobytes"),
    "khz": ("kilohertz", "kilohertz"), "mhz": ("megahertz", "megahertz"), "ghz": ("gigahertz", "gigahertz"),
    "hz": ("hertz", "hertz"), "kw": ("kilowatt", "kilowatts"), "kwh": ("kilowatt hour", "kilowatt hours"),
    "Kg": ("kilogram", "kilograms"), "KM": ("kilometer", "kilometers"), "Km": ("kilometer", "kilometers"),
    "KG": ("kilogram", "kilograms"), "kgs": ("kilogram", "kilograms"), "kms": ("kilometer", "kilometers"),
    "kilos": ("kilo", "kilos"), "ML": ("milliliter", "milliliters"), "hrs/wk": ("hour per week", "hours per week"),
    "MiB": ("mebibyte", "mebibytes"), "GiB": ("gibibyte", "gibibytes"), "KiB": ("kibibyte", "kibibytes"),
    "gpm": ("gallon per minute", "gallons per minute"), "cfm": ("cubic foot per minute", "cubic feet per minute"),
    "mpl": ("mile per liter", "miles per liter"), "mW": ("milliwatt", "milliwatts"),
    "ly": ("light year", "light years"), "AU": ("astronomical unit", "astronomical units"),
    "pct": ("percent", "percent"), "ct": ("carat", "carats"), "rad": ("radian", "radians"),
    "deg": ("degree", "degrees"), "%": ("percent", "percent"), "ft-lb": ("foot pound", "foot pounds"),
    "lb-ft": ("pound foot", "pound feet"), "K": ("kelvin", "kelvin"),
}  # fmt: skip

_AREAS = {"in": ("inch", "inches"), "ft": ("foot", "feet"), "yd": ("yard", "yards"), "mi": ("mile", "miles"),
          "km": ("kilometer", "kilometers"), "m": ("meter", "meters"), "cm": ("centimeter", "centimeters"),
          "mm": ("millimeter", "millimeters")}  # fmt: skip

AFTER_SLASH = {
    "h": "hour", "hr": "hour", "s": "second", "sec": "second", "min": "minute", "d": "day", "wk": "week",
    "mo": "month", "yr": "year", "y": "year", "L": "liter", "l": "liter", "dL": "deciliter", "mL": "milliliter",
    "ml": "milliliter", "kg": "kilogram", "g": "gram", "lb": "pound", "oz": "ounce", "m": "meter", "km": "kilometer",
    "mi": "mile", "m^2": "square meter", "m^3": "cubic meter", "cm^2": "square centimeter", "cm^3": "cubic centimeter",
    "s^2": "second squared", "gal": "gallon", "ft": "foot", "in": "inch", "in^2": "square inch", "ha": "hectare",
    "night": "night", "cm": "centimeter", "mm": "millimeter", "100 km": "one hundred kilometers",
    "100 g": "one hundred grams", "wks": "week",
}  # fmt: skip


@cache
def units() -> dict[str, tuple[str, str]]:
    """Map what is written after a number to the unit's name for one and for many."""
    found: dict[str, tuple[str, str]] = {}
    for symbol, one, many, prefixes in _SYSTEMATIC:
        found[symbol] = one, many
        for prefix in prefixes:
            name = {"h": "hecto", "p": "pico"}.get(prefix) or _PREFIXES[prefix]
            found[prefix + symbol] = name + one, name + many
    for symbol, (one, many) in _AREAS.items():
        for power, name in (("2", "square"), ("3", "cubic")):
            for mark in (f"{symbol}^{power}", symbol + power):
                found[mark] = f"{name} {one}", f"{name} {many}"
        for written in ("sq " + symbol, "sq. " + symbol):
            found[written] = f"square {one}", f"square {many}"
        for written in ("cu " + symbol, "cu. " + symbol):
            found[written] = f"cubic {one}", f"cubic {many}"
    return found | _PLAIN
