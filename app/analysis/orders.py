"""How orders to a model are worded: who is called, what is asked, and of which instructions it is to let go."""

import re

GAP = r"[^.!?\n]{0,60}?"
_ROBOT = (
    r"(?:llms?|(?:large )?language models?|chat ?bots?|chatgpt|gpt|sprachmodell(?:en?)?|modelos? de lenguaje"
    r"|modèles? de langage|ki-\w{2,20}|künstliche\w? intelligenz(?:en)?|intelligences? artificielles?"
    r"|inteligencias? artificial(?:es)?|artificial intelligences?"
    r"|(?:ai|llm|conversational|virtual|automated|automatic|digital|autonomous|machine) (?:assistants?|agents?"
    r"|systems?"
    r"|models?|tools?|readers?|bots?|summari[sz]ers?|crawlers?)"
    r"|(?:virtuelle|digitale|automatische|autonome)[nr]? (?:assisten(?:ten?|z)|agenten?)"
    r"|(?:assistants?|agents?|outils?|systèmes?|robots?) (?:d['’])?(?:ia|conversationnels?|virtuels?|numériques?"
    r"|automatiques?|automatisés?|intelligents?)"
    r"|(?:asistentes?|agentes?|sistemas?|robots?) (?:de )?(?:ia|conversacional(?:es)?|virtual(?:es)?"
    r"|automáticos?|automatizados?|inteligentes?))"
)
_READING = (
    r"(?:read|process|pars|summari[sz]|visit|crawl|index|translat|analy[sz])\w{2,5}|that|who|which|lesen|lies\w{1,2}"
    r"|us(?:ed|ing)|verarbeite\w{1,2}|zusammenfass\w{2,4}|qui|que|lisant|lean?|leyendo|die|der|das"
)
_BARE = (
    rf"(?:a\.i\.|(?:ai|ki|ia|claude|gemini|copilot)(?! (?!(?:{_READING}|must|should|shall|please|muss|müssen"
    r"|soll(?:en)?|bitte|debe[ns]?|doi(?:t|vent)|and|or|und|oder|et|ou|y|o)\b)\w))"
)
"""Short names, not where they only tell what kind another thing is of."""

_SURELY = rf"(?:{_ROBOT}|{_BARE})"
MODEL = rf"(?:{_SURELY}|assistants?|assistent(?:en)?|asistentes?|agents?|agenten|agentes?|bots?|robots?)"
_USER = (
    r"(?:(?:the|your|this|dem|der|den|deine[mnr]|al|el|tu|à l['’]|l['’]|au|le|ton|votre|su) ?"
    r"(?:users?|human|nutzer|benutzer|anwender|usuario|utilisateur)(?:n|in|a|rice)?"
    r"|(?:your|deine[mnr]|tu|ton|ta|votre) (?:customer|client|operator|person|kunden|cliente|cliente?))\b"
)
_RULES = (
    r"(?:instructions?|prompts?|guidelines|directives|rules|anweisung(?:en)?|instruktionen|vorgaben|regeln"
    r"|instrucciones|indicaciones|órdenes|reglas|consignes|règles)"
)
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|existing|all|any|your|system|original|initial|current|given"
    r"|bisherigen?|vorherigen?|obigen?|früheren?|erhaltenen|deine|ihre|alle|bisher"
    r"|anteriores|previas|todas|tus|sus|recibidas|dadas"
    r"|précédentes?|antérieures?|reçues?|données|initiales|tes|vos|toutes)"
)
_IGNORE = (
    r"(?:ignor\w{1,4}|disregard|discard|forget|override|bypass|set aside|pay no (?:attention|heed) to|vergiss"
    r"|vergessen"
    r"|missachte\w?|verwirf|verwerfe\w?|olvid\w{1,3}|descart\w{1,3}|(?:haz|haga|hagan) caso omiso|oubli\w{1,3}"
    r"|(?:fais|faites) abstraction)"
)
_SAYING = (
    r"(?:state|say|report|claim|assert|conclude|declare|confirm|insist|answer|reply|respond|sag\w?|behaupte\w?"
    r"|melde\w?|bestätige\w?|antworte\w?|di|diga|afirma|informa|confirma|responde|dis|dites|affirme[rz]?|confirme[rz]?"
    r"|réponds|répondez|indique[rz]?)"
)
_START = (
    r"(?:^|[\n:;,.!\])>–—\"“«(]\s{0,3}|\b(?:and|then|always|please|only|und|dann|immer|bitte|y|siempre|et|puis"
    r"|toujours) )"
)
"""Where an order may begin."""

_SECRETS = (
    r"(?:user|conversation|chat|history|credentials?|passwords?|api keys?|secrets?|tokens?|customer|list|data|prompt"
    r"|files?|contacts?|e?-?mails?|e-?mail address(?:es)?|addresses|details|zugangsdaten|passw[öo]rt\w{0,2}"
    r"|daten|verlauf"
    r"|gesprächs?|kontakte|adressen?|contraseñas?|datos|conversación|historial|contactos|correo|dirección"
    r"|mots? de passe"
    r"|données|identifiants|historique|adresses?|coordonnées|conversation)"
)
DROP = "tells the model to drop its instructions"
_STRONG = (
    (DROP, rf"\b{_IGNORE}\b{GAP}\b{_EARLIER}\b{GAP}\b{_RULES}\b"),
    (DROP, rf"\b{_IGNORE}\b{GAP}\b{_RULES}\b{GAP}\b{_EARLIER}\b"),
    (
        "tells the model to keep something from the person",
        (
            rf"\b(?:do not|don'?t|never|without|no|nunca|ne|nicht|sin|sans|ohne)\b{GAP}\b(?:tell|telling|mention"
            rf"|inform|informing|reveal|notify|alert|sag\w?|erwähn\w{{1,3}}|informier\w{{1,3}}|verrat\w?|menciones?"
            rf"|digas?|informes?|inform\w{{1,3}}|reveles?|mentionn\w{{1,3}}|dis|dites"
            rf"|préven\w{{1,4}})\b{GAP}\b(?:users?|the human|this (?:note|message|instruction|text)|usuario"
            rf"|utilisateur|benutzer|nutzer|diese[nsr]? (?:hinweis|nachricht|text)|est[ae] (?:nota|mensaje|texto)"
            rf"|cett?e (?:note|consigne|message))\b"
        ),
    ),
    (
        "says nothing to the person and hides it",
        r"\b(?:sag|sage|verrate) (?:dem|der|den) (?:nutzer|benutzer|anwender)\w{0,2} nichts\b",
    ),
    (
        "addresses language models",
        (
            r"\b(?:notes?|instructions?|messages?|attention|important|notice|warning|memo|hinweise?|anweisung(?:en)?"
            r"|nachricht|achtung|wichtig|nota|aviso|instrucci(?:ón|ones)|mensaje|atención|note|avis|consignes?)\b"
            r"[\s:!,-]{1,4}(?:(?:to|for|an|für|para|a|de|pour|à|aux?|des|all|any|every|alle|todos|tous|the|die"
            r"|den|los"
            r"|las|les|l['’])\s?){0,3}"
            rf"(?:\w{{2,15}}\s){{0,2}}\b{_SURELY}(?: (?:{_READING})\b[^.!?:\n]{{0,60}})?\s?[:!–—]"
            rf"|(?:^|[\n>\[(.!]\s?)(?:to|an|a|para|aux?|pour) (?:(?:all|any|every|the|alle|die|los|las|todos)\s){{0,2}}"
            rf"{_SURELY}(?: (?:{_READING})\b[^.!?:\n]{{0,60}})?\s?:"
        ),
    ),
    (
        "addresses the model that reads it",
        (
            rf"\b{_SURELY},? (?:\w{{3,15}}ing|used (?:for|in|to \w{{3,12}})|lisant|leyendo"
            r"|(?:that|who|which|die|der|das|qui|que)(?: \w{3,15})?) (?:the )?"
            r"(?:this|these|diese[nrs]?|cet|cette|ce|ces|est[eao]s?)\b"
        ),
    ),
    (
        "gives the model a new role",
        r"(?:^|[\s>\[(])(?:<\|?im_start\|?>|\[?/?INST\]|\[system (?:message|prompt|override)\](?!\())",
    ),
)
_WEAK = (
    (
        "addresses assistants",
        (
            r"\b(?:notes?|instructions?|messages?|attention|notice|hinweise?|anweisung(?:en)?|nachricht"
            r"|achtung|nota|instrucci(?:ón|ones)|mensaje|atención|note|consignes?|dear|hey|hello|hi|liebe[rs]?|hallo"
            r"|cher|chère|chers|bonjour|querid[oa]s?|estimad[oa]s?|hola)\b"
            rf"[\s:!-]{{1,4}}(?:(?:to|for|an|für|para|pour|à|aux?)\b[^.!?\n]{{0,20}}?)?\b{MODEL}\b(?=\s?[:,!–—]"
            rf"| (?:{_READING})\b)"
        ),
    ),
    (
        "announces new instructions",
        (
            r"(?:^|[\s>\[(])(?:#{2,} ?system(?: (?:prompt|message|note|instructions?)\b| ?:)"
            r"|(?:new|updated) (?:system )?(?:instructions?|prompt) ?:|neue anweisung(?:en)? ?:|<system>"
            r"|nuevas? instrucci(?:ón|ones) ?:|nouvelles? (?:instructions?|consignes?) ?:)"
            r"|(?:<!--|[\[({*]|/\*)\s?(?:system|assistant|developer|admin(?:istrator)?)"
            r"(?: (?:prompt|message|note|override|notice|update|instructions?))?\s?[:\]](?!\()"
        ),
    ),
    (
        "tells a model what it must do",
        (
            rf"\b(?:if you are|when you are|wenn du|si eres|si (?:tu es|vous êtes))\b[^.!?\n]{{0,20}}?\b{MODEL}\b"
            rf"|\b{_SURELY}\b[^.!?:\n]{{0,40}}?\b(?:must|should|shall|please|muss|müssen|soll(?:en)?|bitte"
            rf"|debe[ns]?|doi(?:t|vent))\b[^.!?\n]{{0,40}}|\b{MODEL}\b[^.!?\n]{{0,15}}?\b(?:reading|processing"
            rf"|parsing"
            rf"|summari[sz]ing|lesen|que lean?|lisant|qui lisent|qui lit)\b"
            rf"|\b{_SURELY}(?: (?:{_READING})\b[^.!?:\n]{{0,60}})?(?=\s?[:,–—]\s{{0,2}}(?:please "
            rf"|bitte )?(?:do not|don'?t"
            rf"|never|always|from now on|you (?:must|should|are)|{_IGNORE}|{_SAYING}|tell|recommend|rank|rate|send"
            rf"|forward|ask|stop|omit|include|add|append|run|nicht|nie|immer|ab sofort|empfiehl|empfehl\w{{1,2}}"
            rf"|bewerte\w?|schick\w{{0,2}}|sende\w?"
            rf"|no|nunca|siempre|a partir de|recom\w{{3,8}}|envía\w{{0,2}}|ne|n['’]|jamais|toujours|désormais"
            rf"|à partir"
            rf"|envoie\w{{0,2}}|transm\w{{3,6}})\b)"
        ),
    ),
    (
        "tells what to say to the person",
        (
            rf"\b(?:tell|inform|convince|persuade|recommend to|assure|advise|sage?|sagen? sie|rate|di(?:le)?|diga"
            rf"|informa|dis|dites|assure[rz]?|informe[rz]?)\b {_USER}"
        ),
    ),
    (
        "asks the person for something",
        (
            rf"{_START}(?:ask|request|urge|prompt|frage?n?(?: sie)?|bitte|pide|pida|solicita|pregunta"
            rf"|demande[rz]?|exige[rz]?)"
            rf" {_USER}"
        ),
    ),
    (
        "asks for what the model knows",
        (
            r"\b(?:reveal|print|repeat|output|show|display|leak|disclose|list|include|append|gib|zeige?|nenne|verrate"
            r"|muestra|revela|imprime|affiche|révèle|montre|répète)\b[^.!?\n]{0,30}?\b(?:your|deine[nr]?"
            r"|ihre[nr]?|tus?|tes|ton|ta"
            r"|vos|votre)\b[^.!?\n]{0,20}?\b(?:prompt|instructions|context|memory|workspace|credentials"
            r"|api keys?|tools"
            r"|configuration|anweisungen|kontext|zugangsdaten|instrucciones|contexto|consignes|contexte)\b"
        ),
    ),
    (
        "speaks of what the model writes",
        (
            r"\b(?:when|while|if|before|after) (?:you (?:are )?)?(?:read|summari[sz]|process|translat|analy[sz]"
            r"|quot)(?:e|ing|s)?"
            r" th(?:is|ese)\b|\bwenn du (?:dies|das hier)\w{0,3}\b|\bal (?:resumir|leer|procesar) est[eao]"
            r"|\ben (?:résumant|lisant|traitant) ce(?:t|tte|ci)?\b"
            r"|\b(?:in|to|into|before|from|of)\b (?:every|all|each|your|the (?:final"
            r"|next)) (?:\w{1,12} )?(?:answers?|repl(?:y|ies)"
            r"|responses?|summar(?:y|ies)|outputs?)\b|\b(?:answer|reply to|respond to) (?:every|all|each"
            r"|any) (?:question|request)s?\b"
            r"|\b(?:in|am ende|vor) (?:deine[rnm]?|jede[rnm]?|ihre[rnm]?) (?:antwort|zusammenfassung"
            r"|ausgabe)(?:en)?\b"
            r"|\ben (?:tus?|cada|todas tus|su) (?:respuestas?|resumen|resúmenes)\b"
            r"|\b(?:dans|à) (?:ta|tes|votre|vos|chaque|toutes tes|toutes vos) (?:réponses?|résumés?|synthèses?)\b"
        ),
    ),
    (
        "puts aside what was asked",
        (
            rf"\b(?:stop|abort|cancel|abandon|{_IGNORE})\b (?:your (?:current )?task|what(?:ever)? (?:the "
            rf"|your )?(?:user|you|was)"
            r"|(?:all|everything|anything) (?:above|before|so far|you were|the user)|the user'?s? (?:request"
            r"|question|task)"
            r"|(?:alles|was) (?:bisherige|obige|der nutzer|vorher)|lo que (?:el usuario|te)|todo lo anterior"
            r"|ce que (?:l['’]utilisateur|tu|vous)|tout ce qui précède)"
            rf"|\b(?:your|these|deine|ihre|tus|sus|tes|vos) (?:{_EARLIER} )?{_RULES}(?: \w{{1,12}})? (?:are|is"
            rf"|sind|gelten"
            r"|quedan|están|no (?:valen|aplican)|sont|ne) (?:\w{1,10} )?(?:void|cancell?ed|obsolete|revoked|suspended"
            r"|superseded|no longer|nicht mehr|aufgehoben|ungültig|anuladas|suspendidas|annulées|suspendues"
            r"|s['’]appliquent plus)"
        ),
    ),
    (
        "claims to be the developer or the system",
        (
            r"\b(?:developer mode|jailbreak|you are now|you are in \w{3,14} mode|as the system"
            rf" administrator|(?:from now on|ab sofort|a partir de ahora|désormais"
            rf"|à partir de maintenant),? (?:you|du|tu"
            rf"|eres|please|bist|wirst|only|always|never|nur|immer|solo|siempre|every|{_SAYING}|digan"
            rf"|recom\w{{3,8}}))\b"
        ),
    ),
)
_ASKED = (
    (
        "tells what to say to the reader",
        (
            r"\b(?:tell|inform|convince|persuade|assure|advise|sage?|sagen? sie|di(?:le)?|diga|informa|dis|dites"
            r"|assure[rz]?|informe[rz]?)\b (?:the|your|dem|der|den|al|a la|au|à la|aux) (?:readers?|leser(?:in|n)?"
            r"|lector(?:a|es)?|lect(?:eur|rice)s?)\b"
        ),
    ),
    (
        "tells what to claim",
        (
            rf"{_START}{_SAYING},? (?:(?:only|always|nur|immer|solo|siempre|toujours) )?(?:that|dass|que|qu['’])\b"
            rf"|\b(?:answer|reply|respond|antworte\w?|responde|réponds|répondez)\b[^.!?\n]{{0,30}}?\b(?:with|only"
            rf"|mit|nur"
            rf"|con|solo|avec|par|uniquement)\b"
            rf"|{_START}(?:(?:recommend|praise|rank|rate|promote|give) (?:only|this|it|them|us|our"
            rf"|\w{{1,30}} (?:first|as))"
            rf"|(?:empfiehl|empfehle[n]?(?: sie)?|bewerte\w?|lobe\w?) (?:nur|ausschließlich|diese\w?|uns\w{{0,3}})"
            rf"|(?:recomienda|recomiende|valora|elogia) (?:solo|únicamente|est[ea]|nuestr\w{{1,2}})"
            rf"|(?:recommande[rz]?|note[rz]?|vante[rz]?) (?:uniquement|seulement|cett?e?|nos|notre))\b"
        ),
    ),
    (
        "asks for data to be sent elsewhere",
        (
            r"\b(?:send|forward|post|upload|e-?mail|mail|transmit|exfiltrate|submit|leak|schick\w{0,2}|sende\w?|leite"
            r"|übermittle\w?|envía\w{0,2}|envíe\w{0,2}|reenvía\w{0,2}|remite|manda|envoie\w{0,2}|envoye[rz]"
            rf"|transfère\w{{0,2}}|transmets|transmettez)\b[^.!?\n]{{0,80}}?\b{_SECRETS}\b[^!?\n]{{0,60}}?"
            r"(?:\bto\b|\bat\b|\ban\b|\ba\b|\bà\b"
            r"|\bvers\b|https?:)[^!?\n]{0,20}?(?:[\w.+-]{1,60}@[\w-]|https?://)"
        ),
    ),
    (
        "orders a tool to be called",
        (
            r"\b(?:you must|immediately|now|sofort|inmediatamente|immédiatement)\b[^.!?\n]{0,30}?\b(?:call"
            r"|execute|run"
            r"|invoke|use|führe|ejecut\w{1,3}|exécut\w{1,3})\b[^.!?\n]{0,40}?\b(?:tool|command|function|curl|rm -"
            r"|werkzeug|befehl|herramienta|comando|outil|commande)\b"
        ),
    ),
    (
        "changes where something goes",
        (
            r"\b(?:change|replace|set|update|redirect|ändere\w?|ersetze\w?|cambia|sustituye|reemplaza|change[rz]?"
            r"|remplace[rz]?)\b[^.!?\n]{0,40}?\b(?:recipients?|beneficiary|payee|account number|bank (?:account"
            r"|details)"
            r"|iban|reply-to|empfängers?|bankverbindung|kontonummer|destinatarios?|beneficiario|cuenta|destinataires?"
            r"|bénéficiaire|rib)\b[^.!?\n]{0,40}?\b(?:to|with|by|auf|durch|por|a|par|en|vers)\b"
        ),
    ),
    (
        "keeps it from the person",
        (
            r"\bwithout (?:telling|asking|informing|notifying|the user)|\bkeep (?:this|it) (?:secret|hidden|from)\b"
            r"|\b(?:do not|don'?t|never|and not) (?:mention|tell|say|reveal|disclose|warn|ask|quote|refer to|show)\b"
            r"|\b(?:verschweige\w?|verheimliche\w?)\b|\berwähn\w{1,3}\b[^.!?\n]{0,30}?\bnicht\b"
            r"|\bohne (?:nachzufragen|rückfrage"
            r"|dass (?:der|die) (?:nutzer|benutzer))|\bsin (?:avisar|preguntar|que (?:el usuario|lo sepa))"
            r"|\bno (?:lo |se lo )?(?:menciones"
            r"|digas|mencione|diga|avises)\b|\bn['’]en (?:parle|dis|dites)|\bne (?:le |la "
            r"|lui )?(?:mentionne[rz]?|dis|dites|préviens"
            r"|signale[rz]?)\b|\bsans (?:prévenir|demander|avertir|le dire)|\bà l['’]insu de"
        ),
    ),
)
SIGNS = [(why, re.compile(shape, re.IGNORECASE | re.MULTILINE), 2) for why, shape in _STRONG] + [
    (why, re.compile(shape, re.IGNORECASE), 1) for why, shape in _WEAK
]
ASKED = [(why, re.compile(shape, re.IGNORECASE), 1) for why, shape in _ASKED]
"""What may be asked of people as well: it counts only beside a sign that a model is meant, or where nobody sees it."""
