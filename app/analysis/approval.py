"""Whether somebody must say yes first: the run acts on others in the person's name; in four languages."""

import re
from collections.abc import Iterator

from app.analysis.calls import has_failed, words
from app.analysis.clauses import clauses, listed
from app.analysis.concepts import concepts
from app.analysis.cues import SELF
from app.analysis.sentences import plain
from app.analysis.sentences import words as said
from app.domain.thread import Thread, ToolCall

READ, LONGEST = 20_000, 400
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://\S+", re.IGNORECASE)
_THING = (
    r"(?:files?|folders?|originals?|records?|rows? (?:from|in) (?:the )?(?:table|database|db)|e-?mails?|mails"
    r"|messages?|accounts?|users?|branch(?:es)?|tickets?|issues?|events?|bookings?|orders?|subscriptions?|backups?"
    r"|copies|copy"
    r"|photos?|pictures?|images?|documents?|tenants?|instances?|snapshots?|invoices?|leads?|contacts?|posts?"
    r"|listings?|logs?|dateien?|ordner|datensätze|bilder|fotos|konten|nachrichten|termine|kopien|sicherungen"
    r"|archivos?|ficheros?|carpetas?|registros?|correos?"
    r"|mensajes|cuentas|copias|fichiers?|dossiers?|enregistrements?|comptes?|messages|copies|sauvegardes?)"
)
_THEM = r"(?:it|them|him|her|this|that|the|an?|each|every|all|everyone|everybody|out|our|whoever)"
_REACHES = re.compile(
    r"\b(?:"
    # English: orders and infinitives; what others do or did is none
    r"send|publish|tweet|upload|deploy|submit|unsubscribe"
    r"|(?:be|get|gets|being|is|are) (?:sent|published|uploaded|deployed|posted|e?-?mailed|submitted|forwarded"
    r"|merged|paid)(?: out)?"
    r"(?! (?:by|from|to (?:me|us))\b)"
    r"|(?:it|then|and|that|script|bot|agent|job) (?:sends|publishes|uploads|posts|mails|emails|deploys|submits"
    r"|forwards)"
    r"|(?:forward|pay|refund|transfer|merge|reply to|respond to|share) "
    + _THEM
    + r"|(?:before|after|for|when) (?:sending|publishing|posting)"
    r"|(?:e-?mail|mail|message|text|notify|invite|ping|alert|dm)(?: "
    + _THEM
    + r"|(?= [\w.+-]{1,60}@))|post (?:in|on|to|one|once|"
    + _THEM
    + r")"
    r"|(?:open|create|file|raise|log|add|make) (?:an?|the|one) (?:new )?(?:github |gitlab |jira |linear )?"
    r"(?:issue|ticket|pr|pull request|merge request|mr|bug|calendar (?:entry|event))"
    r"|push (?:it|them|the|to)|go(?:es)? (?:out )?to(?= (?:[\w.+-]{1,60}@|#\w|/\w|(?:the|all|our|every|each) \w))"
    r"|go(?:es)? (?:out|online|live|public)"
    r"|(?:place|submit|enter|put in|fill in|type) (?:an |the |our |my )?(?:\w{1,20} )?orders?\b"
    r"|(?:order|buy) (?:it|them|more|new|another)"
    r"|book (?:a|an|the|us|me) (?:table|room|slot|flight|hotel|seat|court|appointment|meeting)"
    r"|put [\w./-]{1,80} to(?= [\w.+-]{1,60}@)|get (?:it|them|this) to (?:the|our|all|every)|(?:tell"
    r"|remind) (?:the|our|all|every|each|them|him|her)"
    r"|(?:drop|put|share|add) (?:it|them|this|the \w{1,20}) (?:in|on|into) (?:our|the|their) (?:\w{1,20} )?"
    r"(?:slack|teams|discord|channel|group|wiki|cms|website|site|portal|intranet|feed|page)|release (?:it|them)"
    r"|order the (?:cheapest|best|first)"
    r"|answer (?:the|our|each|every|all)(?= (?:\w{1,20} )?(?:customers?|clients?|guests?|reviews?|e?-?mails?"
    r"|messages?|tickets?|comments?))"
    r"|update (?:the|their|our|each|every) (?:ticket|issue|crm|website|listing|shop|page)s?|(?:apply"
    r"|run) the migrations?"
    # German
    r"|(?:tipp|geb|gib|lös|automatisier)\w{0,4}(?=[^\n]{1,40}bestellung)"
    r"|bestellung\w{0,2} (?:auf(?:geben|zugeben)|auslösen)|(?:nach)?bestell(?:e|en|t)"
    r"|(?:ver|raus|weg|ab|los|zu|hin|rum)?schick(?:e|en|st)?|(?:ver|zu|ab|raus)?send(?:e|en|est)|(?:ge"
    r"|ver)sendet (?:werden|wird)|(?:ge"
    r"|ver)schickt (?:werden|wird)"
    r"|(?:wird|werden|soll|sollen|kann) [^\n]{0,40}(?:verschickt|gesendet|versendet|(?:raus|weg)?geschickt"
    r"|veröffentlicht"
    r"|hochgeladen)"
    r"|mail\w{0,2} (?:es|sie|das|den|die|an)|veröffentlichen?|poste (?:es|das|den|die|sie|auf|in|im|bei)|hochladen"
    r"|lad\w{0,2}(?=[^\n]{1,60}\bhoch\b)|stelle?(?=[^\n]{1,60}\b(?:online|ins? (?:unser\w{0,2} )?(?:cms|netz"
    r"|portal|intranet|internet|web|wiki)\b))"
    r"|erinner[en]? (?:die|den|alle|unsere|jeden|jede)|an (?:alle|die) [^\n]{1,40} verteilen|überweisen?"
    r"|bezahlen?|bestell (?:es|sie|die|das|den|neu)"
    r"|(?:nach)?bestellen|kündigen?|ausrollen|weiterleiten|leite?(?=[^\n]{1,60}\bweiter\b)|geh(?:t|en)? (?:dann "
    r"|es |raus )?(?:an|raus|online)"
    r"|reiche?(?=[^\n]{1,60}\bein\b)|einreichen|antworte\w{0,2} (?:dem|der|den|auf)|benachrichtigen?"
    r"|informieren? (?:die|den|das|alle)"
    # Spanish
    r"|env[ií](?:a|ar|arlo|arla|arlos|arlas|arle|arles|arselo|árselo|árselos|árselas|e|elo)|envíal[oa]s?"
    r"|envíasel[oa]s?|envíales?"
    r"|m[aá]nda(?:r|rlo|rla|los|las|lo|la|selo|sela|rles|les)?|publica(?:r|rlo|rla|rlos)?|publíca\w{2,3}"
    r"|publique(?= (?:el|la|los|las|en|esto|una?|cada|todo)\b)"
    r"|sub(?:ir|irlo|irla|e)(?= (?:a|al|el|la|los|las|lo)\b)|súbe(?:lo|la|los|las)|paga(?:r|rlo)|págal[oa]s?"
    r"|res[eé]rva(?:r|rlo|me)"
    r"|responde(?:r)? (?:a|al)|reenv[ií]a(?:r|rlo|lo|la)?|despl(?:iega|egar)"
    r"|(?:avisa|notifica|recuerda)(?:r)? a (?:los|las|todos|la|el)|avísal[eo]s?|recuérdales?"
    # French
    r"|rappelle[rz]? (?:à|aux)|envo(?:ie|yer|yez)|publi(?:e|er|ez)|poste[rz]? (?:le|la|les|sur|dans)"
    r"|téléverse[rz]?|mets?(?=[^\n]{1,40}\ben ligne\b)"
    r"|(?:être|est|sera|soit|sont) (?:envoyée?s?|publiée?s?)(?! par\b)|transf[éè]r(?:e|er|ez)|pay(?:e|er"
    r"|ez) (?:le|la|les)|réserve[rz]?"
    r"|déploie|déployer|réponds? (?:à|aux|au)|commande[rz]? (?:le|la|les|de|du)|prév(?:iens|enir|enez) (?:le|la"
    r"|les|l['’])"
    r")(?!\w|-(?!(?:le|la|les|lui|leur)\b))",
    re.IGNORECASE,
)
# a post, the mail: a thing, not an act
_AS_NOUN = re.compile(
    r"\b(?:an?|the|this|that|one|two|three|blog|linkedin|instagram|facebook|media|per|my|our|your|of|first|last"
    r"|next|new|weekly|daily"
    r"|monthly|short|long|forum|news|in|from|by) (?:post|mail|e-?mail|text|message|alert|order|share)\b",
    re.IGNORECASE,
)
# what others do
_OF_OTHERS = re.compile(
    r"\b(?:they|he|she|who|which|people|customers?|clients?|suppliers?|users?|students?|parents|colleagues?"
    r"|members|que|se|qui|kunden"
    r"|lieferanten|leute|clientes|proveedores|fournisseurs|clients|i|ich|yo|je)\s(?:\w+ly |always |often "
    r"|usually |immer |oft )?$",
    re.IGNORECASE,
)
# verbs that are orders, or what a third one does: el laboratorio manda, le labo envoie
_EITHER = re.compile(r"(?:manda|env[ií]a|publica|paga|sube|envoie|publie|schicke?|sende)$", re.IGNORECASE)
_NOUN_BEFORE = re.compile(
    r"\b(?:el|la|los|las|mi|su|nuestr[oa]|un|una|le|les|l['’]|mon|ma|notre|une|der|die|das|unser\w?)\s?[^\W\d_]{3,25}"
    r"\s(?:nos |me |se |te |les? |nous |vous )?$",
    re.IGNORECASE,
)
_CAN = re.compile(r"\b(?:can|could|should|must|may|will) they $", re.IGNORECASE)
_GOES = re.compile(r"go(?:es)?\b", re.IGNORECASE)
_TAKES_AWAY = re.compile(
    r"\b(?:restart (?:the|it)|shut ?down|terminate (?:the|it)|roll ?back)\b"
    r"|\bclosed?\b(?=[^\n]{0,30}\b(?:issues?|tickets?|accounts?|orders?|pull requests?)\b)"
    r"|\b(?:deletes?|deleted|erase|erased|wipe|purge|removes?|removed|archive|cancel|lösch\w{0,3}|entfern\w{0,3}"
    r"|(?:borra|elimina|bórra|elimína)\w{0,4}|(?:supprime|efface)\w{0,2})\b(?=[^\n]{0,50}\b" + _THING + r"\b)"
    r"|\b"
    + _THING
    + r"\b[^\n]{0,60}\b(?:deleted|removed|erased|purged|gelöscht|löschen|entfernt|borrad[oa]s?|eliminad[oa]s?"
    r"|supprimée?s?|effacée?s?)\b",
    re.IGNORECASE,
)
_TO_SELF = re.compile(
    r"\b(?:send|sends|e-?mail|mail|mails|message|text|ping|alert|notify|tell|post|push|forward|drop|give|show)(?:s"
    r"|ing)? (?:it |them |this |that |these |everything )?(?:over )?(?:to )?(?:me|us|myself)\b|\bto (?:me|us"
    r"|myself)\b"
    r"|\b(?:my|our)(?: own)?(?: \w{1,20})? (?:inbox|mailbox|phone|e-?mail|mail|address|dm|dms|account|desk|folder"
    r"|drive|kindle|notes)\b"
    r"|\b(?:mir|uns|mich)\b|\ban (?:mich|uns)\b|\b(?:mein|unser)\w{0,2}(?: eigene\w?)?(?: \w{1,20})? (?:postfach"
    r"|handy|e-?mail\w{0,9}|mailadresse|adresse|telefon|ordner)\b"
    r"|\b(?:envía|envia|mánda|manda|avísa|avisa|súbe)(?:me|nos)(?:l[oa]s?)?\b|\b(?:me|nos) (?:l[oa]s? )?(?:env|mand"
    r"|avis|lleg)\w{1,6}\b|\ba mi\b|\b(?:mi|nuestro) (?:correo|móvil|buzón|teléfono|bandeja)\b|\benviármel[oa]s?\b"
    r"|\benvo(?:ie|yez)-(?:l(?:e|a|es)-)?(?:moi|nous)\b|\b(?:me|m['’]|nous) ?(?:l(?:e|a|es) |l['’])?(?:envo|transf"
    r"|préven|prévien)\w{1,6}\b|\bà moi\b|\b(?:ma|mon|notre) (?:boîte|messagerie|adresse|e-?mail|mail|téléphone"
    r"|courriel)\b",
    re.IGNORECASE,
)
_BY_SELF = re.compile(
    r"\b(?:myself|on my own|by hand|ourselves)\b|\bI(?:['’]?ll| will| can| then| always| just| only| would"
    r"|['’]d)? (?:send|publish|post|upload|mail|e-?mail|forward|deploy|merge|submit|pay|order|delete)\b"
    r"|\b(?:selbst|selber)\b|\bich (?:ver)?(?:schicke|sende|poste|veröffentliche|lade)\b|\b(?:schicke|verschicke"
    r"|sende|versende|veröffentliche|poste) ich\b"
    r"|\b(?:yo mism[oa])\b|\b(?:l[oa]s? )?(?:envío|mando|publico|subo) yo\b|\byo (?:l[oa]s? )?(?:envío|mando"
    r"|publico|subo)\b|\b(?:enviar|publicar|mandar|subir)l[oa]s? yo\b"
    r"|\bc['’]est (?:moi|nous) qui (?:l['’]|l(?:e|a|es) )?(?:envo|transm|publi|post)\w{1,6}|\bsoy yo quien\b"
    r"|\bI(?:['’]m| am) the one who\b|\bdas (?:schick|mach|verschick|poste)\w{0,2} ich\b"
    r"|\bmoi-même\b|\bje (?:l(?:e|a|es) |l['’])?(?:envoie|publie|poste|enverrai|publierai)\b|\bj['’](?:envoie"
    r"|enverrai)\b",
    re.IGNORECASE,
)
_WONDERS = re.compile(
    r"\s*(?:which|who|what|whose|how many|welche[rs]?|wer|was|quels?|quelles?|qui|qué|quién(?:es)?|cuáles)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|n['’]t|dont|doesnt|wont|never|no|without|nothing|nobody|no one|noone|niemand|keiner|personne|nadie"
    r"|instead of|nicht|kein\w{0,2}|nie|niemals|ohne|pas"
    r"|jamais|sans|ne|n['’]|no|nunca|sin|nada|vor|avant|antes de|before(?: you| it| they| we)?"
    r"|whether to)\b[^\n]{0,25}$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(r"^[^\n]{0,25}\b(?:nicht|niemals|pas|nichts|jamais|nothing|rien|nada)\b", re.IGNORECASE)
_DRAFTS_ONLY = re.compile(
    r"\b(?:only|just) (?:a |the |as (?:a )?)?drafts?\b|\bdrafts? only\b|\bas (?:a )?drafts?\b"
    r"|\bnur (?:als |einen |den |die )?entw[uü]rfe?\b|\bals entwurf\b|\bsolo (?:el |un |como )?borrador\w{0,2}\b"
    r"|\bcomo borrador\b|\b(?:juste |seulement )(?:un |le |en )?brouillons?\b|\ben brouillon\b"
    r"|\b(?:do not|don['’]?t|never) (?:send|publish|post|book|buy|pay|delete|upload) (?:anything|any of it|stuff"
    r"|it)(?! (?:now|yet|today|before|until))\b|\bnichts (?:ab)?(?:schicken|senden|versenden|buchen|veröffentlichen"
    r"|löschen)\b|\bno (?:envíes|publiques|borres) nada\b|\bn['’](?:envoie|envoyez) rien\b|\bne (?:publie|poste"
    r"|supprime)\w{0,2} rien\b",
    re.IGNORECASE,
)
_ASKED_FIRST = re.compile(
    r"\b(?:show|ask|check with|run (?:it|them) (?:by|past)) (?:it |them |this )?(?:to )?(?:me"
    r"|us)\b[^.!?\n]{0,40}\b(?:first|before|beforehand)\b|\blet (?:me|us)\b[^.!?\n]{0,40}\b(?:check|look|glance"
    r"|read|see|approve|review)\b[^.!?\n]{0,30}\b(?:first|before|beforehand)\b"
    r"|\b(?:wait for|after|with|without|needs?|get|until) (?:an? )?(?:my|our|her|his|their"
    r"|the \w{1,20}['’]s)? ?(?:ok|okay|go-?ahead|approval|sign-?off|yes)\b|\bsay (?:yes|ok) before\b|\b(?:for"
    r"|needs?) approval\b|\b(?:i|we)(?:['’]ll)? (?:want to |need to |must |will |have to )?approve\b"
    r"|\bapprove (?:it|them|each|every)\b"
    r"|\b(?:zeig|leg|schick|frag)\w{0,2} (?:es |sie |ihn |sie )?(?:mir|mich|uns)\b[^.!?\n]{0,40}\b(?:vorher|zuerst"
    r"|erst|vor)\b|\b(?:vorher|zuerst|erst)\b[^.!?\n]{0,40}\b(?:freig\w{1,8}|zeigen|fragen|absegnen|mein ok"
    r"|draufschau\w{1,3})\b|\b(?:freigabe|freigeben|freigegeben|freigebe)\b|\bnach (?:meinem|unserem) (?:ok|okay)\b"
    r"|\b(?:will|möchte|muss) ich (?:vorher|erst|zuerst) (?:sehen|prüfen|wissen)\b"
    r"|\b(?:i|we) (?:want|need|have) to see (?:it|that|them|those)? ?(?:first|before)\b"
    r"|\b(?:montre|demande|soumets|fais)[\w-]{0,12}(?:moi|nous)\b[^.!?\n]{0,40}\b(?:d['’]abord|avant)\b|\b(?:après"
    r"|avec|sans) (?:mon|ma|notre) (?:accord|validation|feu vert|ok)\b|\b(?:je|nous) (?:veux |dois "
    r"|voulons )?valid\w{1,3}\b"
    r"|\b(?:enséña|muéstra|pregúnta)(?:me|nos)\w{0,3}\b[^.!?\n]{0,40}\b(?:antes|primero)\b|\b(?:con|sin|tras"
    r"|espera) (?:mi|nuestr[oa]) (?:aprobación|visto bueno|ok)\b|\bvisto bueno\b|\baprobación\b",
    re.IGNORECASE,
)
_ORDERED = re.compile(r"\border|bestell|\bcommande|\bpedido|\bpayment|zahlung|\bpaiement|\bPOST\b")
_NEWS = re.compile(
    r"\b(?:alerts?|message|warning|note|ping|meldung|nachricht|hinweis|warnung|bescheid|alerte|avis|aviso|mensaje"
    r"|alerta)\b",
    re.IGNORECASE,
)
_ACTING_TOOL = listed(
    "send publish post tweet deploy pay transfer delete remove merge refund buy order cancel invite submit book place"
    " senden verschicken veroffentlichen bestellen buchen uberweisen loschen enviar mandar publicar pedir pagar borrar"
    " reservar envoyer publier commander payer supprimer reserver"
)
_OPENING_TOOL = listed("create open add make raise file new anlegen erstellen offnen crear abrir creer ouvrir")
_OPENED = listed("issue ticket pr pull mr mergerequest order booking reservation invite bestellung pedido commande")
_ACTED_ON = listed(
    "mail email message sms post tweet issue ticket pr pull request slack payment order invoice event branch file"
    " record release page invitation reply comment channel money correo correos courriel courriels mensaje nachricht"
    " teams telegram discord gmail outlook whatsapp rechnung factura facture bestellung pedido commande reserva seite"
    " pagina newsletter listing table room"
)


def acts(thread: Thread) -> Iterator[tuple[int, str, int, float]]:
    """Return where the run is asked to act on others (message, text, place, how sure), taking back what the person does
    themselves, keeps as a draft, or gets alone.
    """
    found: list[tuple[int, str, int, float]] = []
    asked_first = kept = False
    for number, message in enumerate(thread.messages):
        if message.role != "user":
            continue
        text = without_addresses(message.text[:READ])
        asks = _ASKED_FIRST.search(text)
        asked_first = asked_first or bool(asks)
        if _DRAFTS_ONLY.search(text) or _keeps(text):
            found, kept = [], True
            continue
        found += [(number, message.text, at, 0.8) for at, _ in _asked(text)]
        if asks and not _BY_SELF.search(text) and (found or _REACHES.search(text) or _ORDERED.search(text)):
            found.append((number, message.text, asks.start(), 0.9))
    acted = [] if found else _by_tools(thread)
    if acted and (asked_first or not (kept or _is_told_oneself(thread))):
        found = acted
    yield from found


def _keeps(text: str) -> bool:
    """Whether the person says that they themselves send or publish it; what others do by hand is none of that."""
    before = ""
    for _, clause in clauses(text):
        one = clause[:LONGEST]
        hit = _BY_SELF.search(one)
        if hit and _is_about_acting(f"{before} {one}") and (hit[0].lower() != "by hand" or SELF & set(said(one))):
            return True
        before = one
    return False


def _is_told_oneself(thread: Thread) -> bool:
    """Whether the person asks for something to be sent or told to them."""
    asked = (without_addresses(message.text[:READ]) for message in thread.messages if message.role == "user")
    told = (clause[:LONGEST] for text in asked for _, clause in clauses(text) if _TO_SELF.search(clause[:LONGEST]))
    return any(
        _REACHES.search(one) or _NEWS.search(one) or any("alert" in meant for *_, meant in concepts(one))
        for one in told
    )


def _is_about_acting(text: str) -> bool:
    return bool(_REACHES.search(text)) or bool(
        re.search(r"\b(?:enviarl[oa]s? yo|publish|send|publi|envoie|schick|send)", text, re.IGNORECASE)
    )


def _asked(text: str) -> Iterator[tuple[int, bool]]:
    """Places where a text asks for an act on others, and whether it reaches them or takes something away."""
    for start, whole in clauses(text[:READ]):
        clause = whole[:LONGEST]
        if _TO_SELF.search(clause) or _BY_SELF.search(clause):
            continue
        for shape in (_REACHES, _TAKES_AWAY):
            for hit in shape.finditer(clause):
                if not _is_idle(clause, hit):
                    yield start + hit.start(), shape is _REACHES


def _is_idle(clause: str, hit: re.Match[str]) -> bool:
    """Whether an act is denied, done by others, or only a word for a thing."""
    before, after = clause[: hit.start()], clause[hit.end() :]
    is_others = bool(_OF_OTHERS.search(before)) and not (_GOES.match(hit[0]) and _CAN.search(before))
    is_others = is_others or bool(_EITHER.search(hit[0]) and _NOUN_BEFORE.search(before))
    if _WONDERS.match(clause) or _DENIED.search(before) or _DENIED_AFTER.match(after) or is_others:
        return True
    return any(noun.start() < hit.start() < noun.end() for noun in _AS_NOUN.finditer(clause))


def _by_tools(thread: Thread) -> list[tuple[int, str, int, float]]:
    """Calls that acted on others and went well."""
    return [
        (number, call.name, 0, 0.6)
        for number, message in enumerate(thread.messages)
        for call in message.calls
        if _is_acting(_named(call)) and not has_failed(call)
    ]


def _named(call: ToolCall) -> set[str]:
    """Return the words of a tool's name and of the action it was called with."""
    action = call.arguments.get("action")
    shown = f"{call.name} {action}" if isinstance(action, str) and len(action) <= LONGEST else call.name
    return {plain(word) for word in words(shown)}


def _is_acting(name: set[str]) -> bool:
    if name & {"http", "api"} and name & {"post", "put", "patch", "delete"}:
        return True
    pairs = ((_ACTING_TOOL, _ACTED_ON), (_OPENING_TOOL, _OPENED))
    return any(things & (name - {verb}) for verbs, things in pairs for verb in verbs & name)


def reaches_people(text: str) -> bool:
    """Whether what is asked leaves the house: mail, messages, posts, uploads, issues."""
    return any(reaches for _, reaches in _asked(without_addresses(text)))


def without_addresses(text: str) -> str:
    """Return a text of the same length without its URLs, whose words ask for nothing."""
    return _URL.sub(lambda hit: " " * len(hit[0]), text)
