"""Currencies: signs and codes, and their names for one and for many, and those of their hundredth."""

from typing import NamedTuple


class Currency(NamedTuple):
    """A currency's names."""

    one: str
    many: str
    cent: str = "cent"
    cents: str = "cents"


_DOLLAR = Currency("dollar", "dollars")
_POUND = Currency("pound", "pounds", "penny", "pence")
_EURO = Currency("euro", "euros")
_YEN = Currency("yen", "yen", "sen", "sen")
_RUPEE = Currency("rupee", "rupees", "paisa", "paise")


def _dollars(of: str) -> Currency:
    return Currency(f"{of} dollar", f"{of} dollars")


def _of(name: str, plural: str = "", cent: str = "cent") -> Currency:
    return Currency(name, plural or name + "s", cent, cent + "s")


SIGNS = {
    "$": _DOLLAR, "£": _POUND, "€": _EURO, "¥": _YEN, "₹": _RUPEE, "₩": _of("won", "won"),
    "₽": _of("ruble", cent="kopek"), "₿": _of("bitcoin"), "₪": _of("shekel", cent="agora"),
    "₱": _of("peso", cent="centavo"), "₦": _of("naira", "naira", "kobo"), "₺": _of("lira", "lira", "kurus"),
    "₫": _of("dong", "dong"), "₴": _of("hryvnia", "hryvnias", "kopiyka"), "US$": _dollars("U S"),
    "C$": _dollars("canadian"), "CA$": _dollars("canadian"), "CAD$": _dollars("canadian"),
    "A$": _dollars("australian"), "AU$": _dollars("australian"), "AUD$": _dollars("australian"),
    "NZ$": _dollars("new zealand"), "HK$": _dollars("hong kong"), "S$": _dollars("singapore"),
    "SG$": _dollars("singapore"), "NT$": _dollars("taiwan"), "R$": _of("brazilian real", "brazilian reais", "centavo"),
    "MX$": _of("mexican peso", cent="centavo"), "Mex$": _of("mexican peso", cent="centavo"),
    "J$": _dollars("jamaican"), "TT$": _dollars("trinidad"), "Rs": _RUPEE, "Rs.": _RUPEE,
    "kr": _of("krone", "kroner", "ore"), "CN¥": _of("yuan", "yuan"), "JP¥": _YEN,
}  # fmt: skip
"""Before a number."""

CODES = {
    "USD": _dollars("U S"), "EUR": _EURO, "GBP": Currency("british pound", "british pounds", "penny", "pence"),
    "JPY": Currency("japanese yen", "japanese yen"), "CAD": _dollars("canadian"), "AUD": _dollars("australian"),
    "NZD": _dollars("new zealand"), "HKD": _dollars("hong kong"), "SGD": _dollars("singapore"),
    "CHF": _of("swiss franc"), "CNY": _of("chinese yuan", "chinese yuan"), "RMB": _of("renminbi", "renminbi"),
    "INR": Currency("indian rupee", "indian rupees", "paisa", "paise"), "SEK": _of("swedish krona", "swedish kronor"),
    "NOK": _of("norwegian krone", "norwegian kroner"), "DKK": _of("danish krone", "danish kroner"),
    "MXN": _of("mexican peso"), "BRL": _of("brazilian real", "brazilian reais"),
    "KRW": _of("south korean won", "south korean won"), "RUB": _of("russian ruble"),
    "ZAR": _of("south african rand", "south african rand"), "PLN": _of("polish zloty"),
    "TRY": _of("turkish lira", "turkish lira"), "BTC": _of("bitcoin"), "THB": _of("thai baht", "thai baht"),
}  # fmt: skip
"""Before or after a number."""

SCALES = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "mm": "million",
    "MM": "million", "mil": "million", "mln": "million", "bn": "billion", "b": "billion", "B": "billion",
    "bln": "billion", "tn": "trillion", "T": "trillion", "trn": "trillion", "t": "trillion",
    **{word: word for word in ("hundred", "thousand", "million", "billion", "trillion")},
}  # fmt: skip
"""After the number of an amount."""
