"""Cities, countries and short names of time zones as people write them -> IANA zones, several where it is unsure."""

from collections.abc import Mapping
from functools import lru_cache
from zoneinfo import available_timezones

_REGIONS = frozenset({"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"})

_ALSO = {
    "UTC": "utc gmt zulu",
    "Europe/Berlin": (
        "germany deutschland allemagne alemania berliner munich munchen hamburg cologne koln frankfurt stuttgart"
        " leipzig"
    ),
    "Europe/London": "uk england britain great_britain londres londoner edinburgh manchester birmingham cardiff",
    "Europe/Paris": "france frankreich francia pariser lyon marseille toulouse bordeaux nantes lille strasbourg",
    "Europe/Madrid": "spain spanien espagne espana barcelona seville sevilla bilbao malaga zaragoza",
    "Europe/Lisbon": "portugal lissabon lisbonne lisboa porto",
    "Europe/Rome": "italy italien italie italia rom roma milan mailand milano turin naples neapel florence venice",
    "Europe/Vienna": "austria osterreich autriche wien wiener vienne viena graz salzburg linz",
    "Europe/Zurich": "switzerland schweiz suisse suiza geneva genf geneve ginebra basel bern lausanne",
    "Europe/Brussels": "belgium belgien belgique belgica brussel bruxelles bruselas antwerp ghent",
    "Europe/Amsterdam": "netherlands holland niederlande pays_bas paises_bajos rotterdam the_hague utrecht",
    "Europe/Copenhagen": "denmark kopenhagen copenhague",
    "Europe/Stockholm": "sweden gothenburg",
    "Europe/Oslo": "norway bergen",
    "Europe/Helsinki": "finland",
    "Europe/Warsaw": "poland warschau varsovie varsovia krakow gdansk",
    "Europe/Prague": "czechia prag praga brno",
    "Europe/Budapest": "hungary",
    "Europe/Athens": "greece athen athenes atenas",
    "Europe/Bucharest": "romania bukarest bucarest",
    "Europe/Kyiv": "ukraine kyiv kiev kiew",
    "Europe/Moscow": "moskau moscou moscu msk st_petersburg",
    "Europe/Istanbul": "turkey ankara estambul istanbul",
    "Europe/Dublin": "ireland",
    "Asia/Tokyo": "japan tokio osaka kyoto jst",
    "Asia/Shanghai": "china beijing peking pekin shenzhen guangzhou",
    "Asia/Kolkata": "india indien inde mumbai delhi new_delhi bangalore bengaluru chennai hyderabad pune",
    "Asia/Singapore": "sgt",
    "Asia/Hong_Kong": "hkt",
    "Asia/Seoul": "korea south_korea",
    "Asia/Dubai": "uae abu_dhabi",
    "Asia/Jerusalem": "israel tel_aviv",
    "Africa/Cairo": "egypt kairo le_caire el_cairo",
    "Africa/Johannesburg": "south_africa cape_town kapstadt",
    "America/New_York": (
        "new_york_city nyc nueva_york boston washington washington_dc philadelphia atlanta miami us_eastern"
    ),
    "America/Chicago": "houston dallas austin new_orleans us_central",
    "America/Denver": "salt_lake_city us_mountain",
    "America/Los_Angeles": "san_francisco seattle san_diego las_vegas silicon_valley us_pacific",
    "America/Toronto": "montreal ottawa quebec",
    "America/Mexico_City": "mexiko mexico ciudad_de_mexico mexiko_stadt",
    "America/Sao_Paulo": "rio rio_de_janeiro brasilia",
    "America/Argentina/Buenos_Aires": "argentina buenos_aires",
    "America/Bogota": "colombia",
    "America/Lima": "peru",
    "America/Halifax": "nova_scotia new_brunswick",
    "America/Santiago": "chile",
    "America/Caracas": "venezuela",
    "America/Montevideo": "uruguay",
    "America/Guayaquil": "ecuador quito",
    "America/Havana": "cuba la_habana",
    "Atlantic/Canary": "canarias islas_canarias canary_islands kanaren tenerife teneriffa gran_canaria lanzarote",
    "Atlantic/Azores": "azoren acores ponta_delgada",
    "Atlantic/Reykjavik": "iceland islande islandia",
    "Pacific/Honolulu": "hawaii",
    "Europe/Luxembourg": "luxemburg luxemburgo",
    "Europe/Zagreb": "croatia kroatien croatie",
    "Europe/Ljubljana": "slovenia slowenien",
    "Europe/Belgrade": "serbia serbien belgrad",
    "Europe/Bratislava": "slovakia slowakei",
    "Europe/Sofia": "bulgaria bulgarien",
    "Europe/Tallinn": "estonia estland",
    "Europe/Riga": "latvia lettland",
    "Europe/Vilnius": "lithuania litauen",
    "Asia/Nicosia": "cyprus zypern",
    "Asia/Taipei": "taiwan",
    "Asia/Bangkok": "thailand",
    "Asia/Ho_Chi_Minh": "vietnam hanoi saigon",
    "Asia/Manila": "philippines",
    "Asia/Kuala_Lumpur": "malaysia",
    "Asia/Karachi": "pakistan lahore islamabad",
    "Asia/Dhaka": "bangladesh",
    "Asia/Riyadh": "saudi_arabia jeddah",
    "Africa/Casablanca": "morocco marokko maroc marruecos rabat",
    "Africa/Nairobi": "kenya",
    "Africa/Lagos": "nigeria abuja",
    "Africa/Accra": "ghana",
    "Africa/Tunis": "tunisia tunesien tunisie",
    "Australia/Sydney": "canberra",
    "Pacific/Auckland": "new_zealand wellington",
}

_EITHER = {
    "est": ("America/New_York", "Etc/GMT+5"),
    "edt": ("America/New_York", "Etc/GMT+4"),
    "cst": ("America/Chicago", "Asia/Shanghai", "Etc/GMT+6"),
    "cdt": ("America/Chicago", "Etc/GMT+5"),
    "mst": ("America/Denver", "America/Phoenix"),
    "mdt": ("America/Denver", "Etc/GMT+6"),
    "pst": ("America/Los_Angeles", "Etc/GMT+8", "Asia/Manila"),
    "pdt": ("America/Los_Angeles", "Etc/GMT+7"),
    "ist": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "bst": ("Europe/London", "Asia/Dhaka"),
    "ast": ("America/Halifax", "Asia/Riyadh"),
    "cet": ("Europe/Berlin", "Etc/GMT-1"),
    "cest": ("Europe/Berlin", "Etc/GMT-2"),
    "mez": ("Europe/Berlin", "Etc/GMT-1"),
    "wet": ("Europe/Lisbon", "Etc/GMT"),
    "eet": ("Europe/Helsinki", "Europe/Athens", "Etc/GMT-2"),
    "aest": ("Australia/Sydney", "Australia/Brisbane"),
    "central": ("America/Chicago", "Europe/Berlin"),
    "cordoba": ("Europe/Madrid", "America/Argentina/Cordoba"),
    "valencia": ("Europe/Madrid", "America/Caracas"),
    "santiago": ("America/Santiago", "Europe/Madrid"),
    "merida": ("America/Merida", "Europe/Madrid"),
    "usa": ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    "australia": ("Australia/Sydney", "Australia/Adelaide", "Australia/Perth"),
    "canada": ("America/Toronto", "America/Winnipeg", "America/Vancouver"),
    "brazil": ("America/Sao_Paulo", "America/Manaus"),
    "russia": ("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Vladivostok"),
}  # fmt: skip


@lru_cache(maxsize=1)
def places() -> Mapping[str, tuple[str, ...]]:
    """Return zones by plain name: cities of the time zone database, and what else people say."""
    names = sorted(available_timezones(), key=lambda name: (name.count("/") == 1, name))
    found = {name.rsplit("/", 1)[-1].lower().replace("_", " "): (name,) for name in names if _is_city(name)}
    found |= {word.replace("_", " "): (zone,) for zone, words in _ALSO.items() for word in words.split()}
    return found | _EITHER


@lru_cache(maxsize=1)
def zone_names() -> Mapping[str, str]:
    """Return IANA names by their plain form."""
    return {name.lower(): name for name in available_timezones()}


def _is_city(name: str) -> bool:
    region, slash, _ = name.partition("/")
    return bool(slash) and region in _REGIONS
