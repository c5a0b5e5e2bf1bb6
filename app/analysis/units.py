"""Words around numbers and names, in four languages: figures in words, units, currencies, titles, labels."""

from app.analysis.sentences import word_set

NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|twenty|thirty"
    "|forty|fifty|hundred|dozen"
    "|eine?[rnms]?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|zwanzig|dreißig|fünfzig|hundert"
    "|une?|deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente|cinquante|cent"
    "|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|quince|veinte|treinta|cincuenta|cien"
)
"""Numbers in words, as a part of a pattern."""

ONES = word_set("one ein eine einen einer eines einem un une una once cent")
"""Number words that are often articles or other words."""

UNITS = word_set(
    "word words character characters char chars sign signs letter letters sentence sentences line lines page pages"
    " paragraph paragraphs bullet bullets slide slides section sections"
    " second seconds sec secs s minute minutes min mins hour hours hr hrs h day days week weeks month months"
    " year years"
    " weekend weekends night nights ms kb mb gb tb km m cm mm kg g mg l ml kwh kw mw hz px degrees degree points"
    " point"
    " pixel pixels dpi ppi ppm ppb rpm psi bar lux kcal mbit gbit lb lbs oz ft mi inch inches feet mile miles"
    " litre litres liter"
    " liters gallon gallons mph kmh db v w ah m2 m3"
    " litro litros kilo kilos kilometer kilometern metro metros mètre mètres litern"
    " percent pct bps people persons adults kids children guests daily weekly monthly hourly yearly"
    " wörter wort wörtern zeichen satz sätze sätzen zeile zeilen seite seiten absatz absätze absätzen punkte punkten"
    " sekunde sekunden minuten stunde stunden tag tage tagen woche wochen monat monate monaten jahr jahre jahren"
    " prozent"
    " personen leute kinder grad stück wochenenden"
    " mot mots caractère caractères signe signes phrase phrases ligne lignes paragraphe paragraphes heure heures jour"
    " jours semaine semaines mois an ans année années pourcent personnes enfants secondes degrés"
    " palabra palabras carácter caracteres frase frases línea líneas página páginas párrafo párrafos hora horas"
    " día días"
    " semana semanas mes meses año años minuto minutos segundo segundos personas niños grados puntos"
)
"""Nouns that a number before them measures."""

COUNTABLE_END = ("s", "n", "e", "er", "en")

CURRENCY = (
    "euros?|eur|dollars?|usd|pounds?|gbp|francs?|franken|chf|cents?|centimes|c[eé]ntimos?|(?-i:ct)|rappen|pence|kroner?|kronen?|kronor|sek|nok"
    "|dkk|zloty"
    "|zł|pln|yen|jpy|yuan|cny|rupees?|inr|pesos?|mxn|reais|brl|cad|aud|€|\\$|£|¥"
)

MORE = (
    "more than|less than|fewer than|at least|at most|no more than|up to|over|under|below|above|within|max\\.?|maximum"
    "|min\\.?|top|first|mehr als|weniger als|mindestens|höchstens|maximal|bis zu|über|unter|innerhalb von|binnen"
    "|plus de|moins de|au moins|au plus|maximum|jusqu'à|sous|más de|menos de|al menos|como máximo|hasta|máximo"
)
"""Words before a number that make it a bound, as a part of a pattern."""

NOT_COUNTED = word_set(
    "of or and more other others one ones to in on at from for is are was were if per a an the that this than then"
    " times time ago o'clock oclock am pm uhr fois vez veces mal und oder von im am plus weitere andere de du"
    " des la le"
    " les et ou y o el los las con que por st nd rd th x hundred thousand million billion mio tausend millionen mil"
    " millones mille millions last next new pls please weeks' it they we i you not but so days' years' will has have"
    " goes comes gets gives takes makes needs means says thing things way ways bit er es sie ich wir"
)
"""Words that a number before them does not count."""

ADJECTIVES = word_set(
    "multiple short long main new big small different single best latest key full half open top hot cold free early"
    " late young old kurze kurzen neue neuen wichtigste wichtigsten besten letzten große kleine meilleurs meilleures"
    " derniers dernières nouveaux nouvelles mejores últimos últimas nuevos nuevas principales breves"
    " working business consecutive important"
)

NARRATIVE = word_set("years year jahre jahren ans años ago her vor hace il")

TITLES = (
    "Imam|Rabbi|Bishop|Reverend|Rev|Councillor|Cllr|Alderman|Abbé|Députée?|députée?|Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Sir|Coach|Sister|Brother|Captain|Nurse|Pastor|Father|Judge|Herrn?|Frau|Dott"
    "|señora?|doctora?|madame|monsieur|professeur|profesora?|herrn?|frau|coach|nurse|sister|M|Me|Mme|Mlle|Monsieur"
    "|Madame|Maître|Sra?|Srta|Don|Doña|Señora?|Doctora?"
)

LABELS = (
    "exit code|group|room|ward|gate|dock|bay|pump|tank|phase|schedule|priority|prio|option|stufe|niveau|nivel"
    "|ward|grade|class|code|van|bus|line|gate|zone|area|region|district|section|unit|team|plant|site|store"
    "|branch|account|project|matter|case|ticket|contract|order|customer|client|vendor|supplier|department|dept"
    "|building"
    "|floor|shelf|warehouse|machine|server|channel|route|track|lot|batch|module|chapter|sprint|phase|level|tier"
    "|version"
    "|gruppe|raum|zimmer|klasse|linie|zone|werk|filiale|konto|projekt|akte|fall|auftrag|kunde|abteilung|halle|lager"
    "|maschine|kostenstelle|station|los|charge|kapitel|groupe|salle|classe|ligne|compte|projet|dossier|client"
    "|entrepôt"
    "|bâtiment|chambre|service|lot|grupo|sala|aula|clase|línea|cuenta|proyecto|expediente|cliente|almacén|planta"
    "|turno"
    "|lote|sede|tienda|pedido|factura|commande|facture|magasin|bestellung|rechnung|artikel|invoice|article"
)
"""Nouns that a short mark after them names one of: room 2.14, Klasse 7b."""

COMMON_ACRONYMS = word_set(
    "a3 a4 a5 a6 din"
    " api csv pdf sms url html css sql json xml http https pr prs hr it ok okay usa us eu uk utc gmt vat usd eur"
    " gbp chf"
    " ceo cfo cto faq id ids rss seo kpi kpis ai tv tls ssl sftp ftp ssh am pm asap fyi ps lol yes no she he not"
    " you we"
    " they and or but xlsx xls docx txt png jpg gif zip env tbd tba eta n/a na ui ux qa sd pc os nas cet cest est edt"
    " pst mez md bcc cc re fw ii iii iv mwst ust iva tva plz bzw dr mr mrs ms vs eg ie llm gpt etl cli cd ci git"
    " dns ip"
    " vpn db gh rt nb wtf omg imo btw todo test please always never only very every now stop must all one two"
    " ich sie er"
    " wir und nicht bitte immer nie oui non pas si muy nunca siempre the is are do don no ever one new old ldap"
    " smtp imap"
    " exif iso a i to of in on at my me so go ag gmbh kg ltd llc inc sa sl bv sas sarl"
)
"""Capital letters that name nothing a later run would change."""

TOP = (
    "com|org|net|edu|gov|mil|int|io|ai|app|dev|co|eu|info|biz|cloud|tech|online|shop|store|site|news|tv|test"
    "|example|invalid|local|internal|lan|corp"
    "|de|at|ch|fr|es|it|nl|be|lu|uk|ie|pt|pl|cz|sk|dk|se|no|fi|gr|hu|ro|bg|hr|si|lt|lv|ee|us|ca|mx|br|ar|cl|pe|au"
    "|nz|jp|cn|in|kr|sg|za|cat|wiki|health|bank|academy|software|systems|agency|energy|museum"
)
"""Ends of host names that are taken for such, as a part of a pattern."""

FILE_ENDS = (
    "csv|tsv|xlsx?|ods|docx?|odt|pdf|txt|md|json|jsonl|ya?ml|xml|html?|pptx?|png|jpe?g|gif|svg|webp|heic|zip|tar"
    "|gz|zst"
    "|sql|db|sqlite|parquet|py|ipynb|sh|js|ts|r|log|ics|eml|msg|mp3|mp4|wav|mov|ini|toml|conf|cfg|env|rtf|tex"
    "|bib|geojson|tiff?|bmp|bak|dat|raw|tmp|webm|m4a|flac|nc|hdf5|stl|key|pem|lock|lst|tab"
    "|gpx|kml|shp|dxf|dwg|psd|ai|epub|srt|vtt|fasta|fastq|vcf|bam|mat|rds|dta|sav|feather|avro|php|rb|go|rs|java"
    "|c|cpp"
)
