"""What people call a time zone by an adjective: Irish time, hora canaria."""

_DEMONYMS = {
    "Europe/Dublin": "irish", "Europe/London": "british english scottish welsh londoner", "Europe/Paris": "french",
    "Europe/Berlin": "german deutsche deutscher allemande alemana mitteleuropaischer mitteleuropaische",
    "Europe/Madrid": "spanish peninsular spanischer espanola espagnole", "Europe/Rome": "italian italienischer",
    "Europe/Zurich": "swiss schweizer zurcher basler berner", "Europe/Vienna": "austrian osterreichischer",
    "Europe/Amsterdam": "dutch",
    "Europe/Brussels": "belgian", "Europe/Warsaw": "polish", "Europe/Lisbon": "portuguese portuguesa",
    "Europe/Prague": "czech", "Europe/Stockholm": "swedish", "Europe/Oslo": "norwegian", "Europe/Copenhagen": "danish",
    "Europe/Helsinki": "finnish", "Europe/Athens": "greek", "Europe/Istanbul": "turkish", "Asia/Tokyo": "japanese",
    "Asia/Kolkata": "indian", "Asia/Seoul": "korean", "Asia/Jerusalem": "israeli", "America/New_York": "eastern",
    "America/Los_Angeles": "pacific", "America/Denver": "mountain", "Pacific/Auckland": "kiwi",
    "Atlantic/Canary": "canaria canarias canary kanarische kanarischer canarienne", "Asia/Bangkok": "thai",
    "Atlantic/Azores": "azorean azorische azoreana acoreana acorienne", "Pacific/Honolulu": "hawaiian hawaii",
    "Atlantic/Reykjavik": "icelandic islandische islandaise islandesa", "Asia/Shanghai": "chinese chinesische",
    "Europe/Budapest": "hungarian ungarische hongroise hungara", "Europe/Bucharest": "romanian roumaine rumana",
    "Europe/Kyiv": "ukrainian", "Europe/Sofia": "bulgarian", "Europe/Zagreb": "croatian", "Europe/Tallinn": "estonian",
    "America/Argentina/Buenos_Aires": "argentina argentine", "America/Mexico_City": "mexicana mexican",
    "America/Santiago": "chilena chilean", "America/Bogota": "colombiana", "America/Lima": "peruana",
    "America/Halifax": "atlantic", "America/Anchorage": "alaska alaskan", "Asia/Singapore": "singaporean",
}  # fmt: skip
ZONE_OF = {name: zone for zone, names in _DEMONYMS.items() for name in names.split()}
"""Zones by the plain adjective."""
