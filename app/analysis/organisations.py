"""Words that name kinds of organisations, in four languages: what stands beside one is its name."""

from app.analysis.sentences import word_set

ENDS = word_set(
    "academy agency airlines alliance association authority bakery band bank books brewers brewery brewing builders"
    " capital care charity choir church cinema clinic club coffee collective college commission committee company"
    " consulting cooperative council dairy dental department ensemble events farm farms federation festival foods"
    " foundation gallery garden gardens group guild hospital hotel housing industries inn institute insurance"
    " ironmongers"
    " kitchen lab laboratory labs laundry league library lodge logistics market media motors museum nursery office"
    " opera"
    " orchards orchestra partners pharmacy players plumbing press productions quartet records rentals restaurant rovers"
    " school services shop shipping society solicitors solutions stables stores studio studios surgery systems tavern"
    " team textiles theatre theater tours trust union united university ventures veterinary winery works workshop"
)
"""Last words of an English name: Selby Choral Society."""

_FRENCH = (
    "étude|cabinet|auto-école|école|lycée|collège|université|mairie|clinique|hôpital|pharmacie|librairie|boulangerie"
    "|pâtisserie|restaurant|hôtel|café|ferme|domaine|château|atelier|garage|agence|société|entreprise|association|club"
    "|théâtre|cinéma|musée|galerie|studio|maison|groupe|chorale|orchestre|résidence|camping|salon|brasserie|cave"
    "|imprimerie|menuiserie|laboratoire|crèche|paroisse|syndicat|coopérative|fondation|institut|bibliothèque"
    "|médiathèque|magasin|boutique|station|piscine|refuge|compagnie|festival"
)
_SPANISH = (
    "clínica|acuario|colegio|escuela|instituto|universidad|hospital|farmacia|librería|panadería|pastelería|restaurante"
    "|hotel|cafetería|finca|granja|bodega|taller|agencia|sociedad|empresa|asociación|club|teatro|cine|museo|galería"
    "|estudio|casa|grupo|coro|orquesta|residencia|camping|salón|cervecería|imprenta|carpintería|laboratorio|guardería"
    "|parroquia|sindicato|cooperativa|fundación|biblioteca|tienda|mercado|ayuntamiento|despacho|gestoría|bufete"
    "|academia|autoescuela|gimnasio|peluquería|heladería|viñedo|refugio|compañía|festival|inmobiliaria|veterinaria"
)
_ADJECTIVES = (
    "dental|médica|médico|municipal|infantil|rural|vétérinaire|dentaire|médical|musical|municipale|veterinaria"
)
NOUNS = rf"(?:{_FRENCH}|{_SPANISH})(?:\s(?:{_ADJECTIVES}))?"
"""First words of a French or Spanish name, with what often stands behind them, as a part of a pattern."""

GERMAN_ENDS = (
    "verein", "klub", "club", "verband", "schule", "gymnasium", "kita", "praxis", "klinik", "klinikum", "krankenhaus",
    "apotheke", "kanzlei", "agentur", "werkstatt", "werk", "werke", "werken", "radio", "brauerei", "bäckerei",
    "metzgerei", "gärtnerei", "weingut", "hof", "hotel", "gasthof", "gasthaus", "restaurant", "café", "museum",
    "theater", "chor", "orchester", "bibliothek", "bücherei", "stiftung", "institut", "universität", "hochschule",
    "feuerwehr", "wacht", "rettung", "dienst", "genossenschaft", "gemeinde", "verwaltung", "verlag", "buchhandlung",
    "autohaus", "tierheim", "tischlerei", "druckerei", "firma", "gruppe", "gesellschaft", "bank", "sparkasse", "studio",
    "zentrum", "heim", "haus", "kollektiv", "ensemble", "spedition", "reederei", "imkerei", "hütte", "betrieb",
)  # fmt: skip
"""Ends of the German nouns before a name: Musikschule Anders."""

STREET = (
    r"(?:rue|avenue|boulevard|place|quai|chemin|impasse|allée|calle|avenida|plaza|paseo|camino|carretera)"
    r"(?:\s(?:de la|de los|de las|de l['’]|des|du|de|del|la|el))?"
)
"""First words of a street's name, as a part of a pattern."""
