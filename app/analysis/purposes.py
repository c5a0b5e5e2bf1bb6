"""Words that tell what a thread is for: stems of four languages with their weights, one table for each intent."""

from collections.abc import Mapping
from functools import lru_cache

from app.analysis.sentences import plain

STEMS: Mapping[str, Mapping[int, str]] = {
    "data_analysis": {
        3: (
            "analys analyz auswert analisi analiz reconcil abgleich abgleichen rapproch concili regress correlat"
            " korrel"
            " correlac outlier ausreis aberrant atipic statist estadist pivot cohort kohort histogram boxplot"
            " dashboard"
            " kennzahl variance varianz variación forecast prognos pronost previsi"
        ),
        2: (
            "average durchschnitt moyenne promedio median mittelwert chart diagramm graphique grafic graph plot trend"
            " tendenz tendance tendencia revenue umsatz chiffre ventas turnover margin marge margen quote ratio rate"
            " percentile percentil churn kpi metric metrik metrique sum summe somme breakdown aufschlusselung segment"
            " compute calculate berechne calcul calcula aggregat dataset datensatz datos donnees spreadsheet"
            " deviation"
            " abweichung ecart desviac deviat amount betrag betrage montant importe statement significan"
            " signifik significat confidence konfidenz ledger hauptbuch"
            " sample stichprobe echantillon muestra survey umfrage encuesta enquete sales verkauf"
        ),
        1: (
            "compare vergleich comparer comparar number zahl chiffre cifra row zeile column spalte colonne columna"
            " export csv xlsx excel"
            " figures data daten many often cuantos cuantas combien viele oft busiest month quarter quartal trimestre"
        ),
    },
    "content_creation": {
        3: (
            "blog article artikel articulo newsletter caption story geschichte histoire historia slogan headline"
            " schlagzeile titular teaser quiz worksheet arbeitsblatt poem gedicht podcast screenplay"
            " produkttext produktbeschreib beschreibungstext copywrit editorial hashtag boletin landing werbetext"
            " metabeschreib flyer guion leaflet brochure brochur plakat affiche folleto cartel video crossword"
            " recap lesson infographic playlist flashcard horoscope"
        ),
        2: (
            "post posts tweet write schreib redige redact escrib content inhalt contenu contenido text texte"
            " texto tone"
            " tonfall tono style stil estilo draft entwurf borrador brouillon title titel titre titulo emoji catchy"
            " wording formulier creative kreativ creativ rewrite umschreib description descripcion beschreibung"
            " script"
            " instagram linkedin facebook tiktok youtube social reel carousel question exercise aufgabe fragen"
            " vocabulary"
            " glossary episode folge podcasts notes translate ubersetz tradui traduc column feuilleton"
        ),
        1: (
            "word words worter mots palabras sentence satze frases short kurz audience leser lecteur lector"
            " image bild paragraph summary"
        ),
    },
    "research": {
        3: (
            "research recherch investig paper papers preprint literatur literature bibliograph bibliogr arxiv pubmed"
            " publication publikation veroffentlichung grant forderung fordermittel subvencion subvention study"
            " studie"
            " etude estudio regulation verordnung reglement legislation gesetz ley overview uberblick etat"
            " panorama veille"
            " state-of-the-art market markt marche mercado trial patent"
        ),
        2: (
            "source quelle fuente sources find finde trouve encuentra busca search such recherche digest review"
            " deadline"
            " call ausschreibung convocatoria appel law recht derecho droit policy best beste mejor meilleur"
            " test tests"
            " independent unabhangig competitor konkurrent wettbewerb concurrent competidor news nachrichten"
            " actualite"
            " noticias learn journal cite zitier citation findings evidence evidenz memo dossier briefing background"
            " option alternative candidate funding tender vergleichstest product models directive guideline leitlinie"
        ),
        1: (
            "latest neueste dernier ultimo new compare vergleich summary zusammenfass resum what which welche"
            " quel cual information info link"
        ),
    },
    "monitoring": {
        3: (
            "monitor uberwach surveill vigil supervis watch beobacht alert alarm alarma alerte notify benachricht"
            " notifie notifica uptime downtime latency latenz outage ausfall panne caida threshold schwelle"
            " seuil umbral healthcheck ping pinge heartbeat"
        ),
        2: (
            "changed changes anderung changement cambio drops drop sinkt fallt baisse baja rises steigt exceeds"
            " uberschreit depasse supera below unter above over status down price preis prix precio stock lager"
            " availab verfugbar disponib limit grenzwert probe incident storung spike anomal anomalie"
            " avisa avisame warn warnung avertis advert temperature temperatur sensor level pegel keep-an-eye"
            " track verfolg"
        ),
        1: (
            "check pruf verifie verifica revisa tell meld inform melde message when wenn sobald quand cuando"
            " only nur solo seulement if falls si"
        ),
    },
    "automation": {
        3: (
            "automat merge zusammenfuhr fusion combin dedup duplicat dublett doublon duplicad rename umbenenn renomm"
            " renombr upload hochlad televers sube subir download herunterlad telecharg descarg backup sicherung"
            " sauvegarde"
            " respaldo sync synchron archiv move verschieb deplac mueve copy kopier copi sort sortier trie orden"
            " clasific"
            " convert konvertier umwandl convertir batch stapel transfer ubertrag filing ablage ablegen cleanup"
            " aufraum"
            " nettoy limpi import importier ocr extract extrahier extrai extrae"
        ),
        2: (
            "folder ordner dossier carpeta directory verzeichnis file files datei dateien fichier fichiers"
            " archivo archivos"
            " sftp ftp nas server export exportier export exporta fill ausfull rempli rellena append anhang row"
            " zeile fila"
            " register registro registre inbox posteingang crm form formular formulaire formulario label etikett"
            " pdf pdfs"
            " scan scans invoice rechnung facture factura receipt beleg recibo delete losch supprim borra elimina"
            " checksum transcri transkri pick pickup print druck imprim tag"
        ),
        1: (
            "list liste lista every jede chaque cada daily taglich manual manuell hand put leg mets pon fetch"
            " hol recuper csv drop save speicher enregistr guarda"
        ),
    },
    "software_development": {
        3: (
            "script skript code codigo python bash javascript typescript golang java rust docker kubernetes function"
            " funktion fonction funcion bug refactor repo repository commit pull-request changelog release-notes"
            " branch"
            " deploy unittest pytest linter compile kompil debug sql query view schema migration loader cli endpoint"
            " regex npm framework library bibliothek program programm stacktrace traceback error fehler ci pipeline"
        ),
        2: (
            "prs pr merge test tests testing api rest class classe clase github gitlab postgres mysql sqlite database"
            " datenbank issue issues tag version release exception implement programmier developp desarroll"
            " dependenc build exit parser parse log logs dry-run container server timeout lint package paket"
            " app application anwendung plugin bot module modul table etl flag component composant componente"
            " komponente terraform react django flask node"
        ),
        1: "write fix add run install config setting line file host token env",
    },
    "communication": {
        3: (
            "mail e-mail email mails emails courriel correo letter brief lettre carta reply antwort respuesta reponse"
            " rundmail rundschreiben einladung invitation invitacion recipient empfanger destinatari announcement"
            " ankundig annonce anuncio greeting grus salut saludo whatsapp welcome willkommen bienvenue bienvenida"
            " bulletin aushang circular memo-to erinnerungsmail apology"
        ),
        2: (
            "message nachricht mensaje send schick sende versend envoy envoie envia manda sign unterschreib"
            " signe firma"
            " parents eltern familias client kunde kundin customer staff mitarbeiter belegschaft personal team"
            " colleague"
            " kolleg collegue colega member mitglied membre miembro socio tenant mieter locataire inquilino patient"
            " supplier lieferant fournisseur proveedor subject betreff objet asunto polite hoflich friendly"
            " freundlich"
            " reminder erinnerung rappel recordatorio slack teams sms notify inform address"
            " anschreib phrase tell attendees gaste guests invit volunteer donor subscriber neighbour neighbor"
            " nachbar voisin vecino resident anwohner bewohner residente applicant bewerber"
        ),
        1: (
            "write schreib ecris escribe draft entwurf tone ton warm short kurz forward personal dear liebe cher"
            " querido"
        ),
    },
    "planning": {
        3: (
            "plan plane planen planif planung planning rota roster dienstplan schichtplan schedule-for itinerary"
            " reiseplan"
            " itineraire itinerario route routen tour tours trip meal essensplan speiseplan menu menus agenda"
            " timetable"
            " schedule stundenplan emploi-du-temps horario sprint roadmap fahrplan calendar kalender workout"
            " trainingsplan"
            " entrainement entrenamiento cuadrante turnos vacation urlaub seating budgetplan packing einkaufsliste"
        ),
        2: (
            "shift schicht turno equipe week woche semaine semana dinner dinners abendessen diner cena lunch"
            " recipe rezept"
            " recette receta shopping einkauf courses compra allocate zuteil assign weis vehicle van vans"
            " fahrzeug stops"
            " availability cover coverage gap leave order sequence fallback slot slots venue"
            " capacity kapazitat capacidad capacite vote milestone meilenstein prioriti task aufgabe tache tarea"
            " event"
            " veranstaltung evenement evento conference konferenz wedding hochzeit trainer train camp class lessons"
            " deadline organis organiz guest people days pick-up departure depart abfahrt arrival"
        ),
        1: (
            "who wer qui quien where wo donde when wann quand cuando morning tomorrow morgen demain weekend"
            " wochenende hours stunden time drive budget"
        ),
    },
}

TOOLS: Mapping[str, Mapping[int, str]] = {
    "data_analysis": {
        3: "repl execute_code code_interpreter analysis run_solver",
        2: "python run_python jupyter notebook",
    },
    "research": {
        3: "web_search search_web search web.run tavily brave scholar arxiv",
        1: "scrape_webpage fetch_url web_fetch fetch browse",
    },
    "monitoring": {
        2: "http_request http_get diff probe ping snapshot",
        1: "post_message notify fetch_page scrape_webpage",
    },
    "automation": {
        2: "rename move copy append_row upload download sftp",
        1: "execute_command run_command bash_tool write_file",
    },
    "software_development": {
        2: "bash bash_tool run_shell run_sql str_replace git apply_patch pytest run_tests edit_file",
        1: "create_file",
    },
    "communication": {3: "send_email send_mail gmail outlook send_message mail", 1: "slack post_message"},
    "planning": {2: "solver calendar route maps directions optimizer", 1: "weather"},
    "content_creation": {2: "image dalle generate_image canvas canmore"},
}
"""Parts of the names of tools."""


_COMPOUND = 7
"""Letters from which a word can be a compound."""

_STEM = 5
"""After a stem of so few letters there is only an ending."""

_SHORT_STEM = 4
"""A stem of so few letters is a whole word."""


def _compiled() -> dict[str, list[tuple[str, str, int]]]:
    """Return stem, intent and weight by the first two letters of the stem, the longest stems first."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for intent, weights in STEMS.items():
        for weight, stems in weights.items():
            for stem in stems.split():
                found.setdefault(plain(stem)[:2], []).append((plain(stem), intent, weight))
    return {start: sorted(stems, key=lambda one: -len(one[0])) for start, stems in found.items()}


_BY_START = _compiled()


def meanings(word: str) -> dict[str, int]:
    """Return the intents that a plain word speaks for, with their weights; the longest stem of each counts."""
    found: dict[str, int] = {}
    for stem, intent, weight in _BY_START.get(word[:2], ()):
        more = len(word) - len(stem)
        is_it = word in {stem, f"{stem}s"} if len(stem) <= _SHORT_STEM else word.startswith(stem)
        is_it = is_it and (len(stem) > _STEM or more <= 2)  # noqa: PLR2004 an ending
        if is_it and intent not in found:
            found[intent] = weight
    return found or _of_compound(word)


def _of_compound(word: str) -> dict[str, int]:
    """Return the intents of the last part of a German compound: Wochenbericht, Kundenbriefe."""
    if len(word) < _COMPOUND:
        return {}
    return next((found for cut in range(3, len(word) - 3) if (found := _whole(word[cut:]))), {})


@lru_cache(maxsize=4096)
def _whole(word: str) -> dict[str, int]:
    """Return the intents of stems that are this word, but for an ending of two letters."""
    found: dict[str, int] = {}
    for stem, intent, weight in _BY_START.get(word[:2], ()):
        if len(stem) >= _SHORT_STEM and word.startswith(stem) and len(word) - len(stem) <= 2 and intent not in found:  # noqa: PLR2004 a number of words
            found[intent] = weight
    return found
