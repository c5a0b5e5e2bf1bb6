"""Words that tell how something is said: asked for, refused, corrected, told of the past; in four languages."""

from app.analysis.sentences import word_set

REQUEST = word_set(
    # English
    "please pls plz can could would need want like let lets run send make do check prepare start schedule put"
    " get give"
    " remind deliver mail email post publish generate create update fetch look watch monitor repeat automate should"
    " poll scan grab ping pull needs must go have take draft write ready autopilot routine show ping"
    " tell notify alert sync copy build plan compile"
    " refresh pull export collect kick trigger"
    # German
    " bitte kannst konnen konnten mach mache machen schick schicke schicken brauche brauch brauchen mochte"
    " mochten soll"
    " sollen sollte lauf laufe laufen laufen starte starten erinnere erinner prufe prufen pruf sende senden erstelle"
    " erstellen hole holen liefere liefern hatte hatten gern gerne wollen will muss ausfuhren automatisch wiederhole"
    " schau schaue guck kontrolliere aktualisiere schreib schreibe verschicke verschicken meld melde"
    # French
    " peux pouvez pourrais pourriez veux voudrais voudrions faut faire fais faites envoie envoyer envoyez besoin"
    " lance"
    " lancer lancez aimerais aimerions prepare preparer preparez verifie verifier genere generer mettez mets"
    " doit devrait"
    " regarde regarder controle controler mettre rappelle rappeler automatiquement recevoir ecris publie publier"
    # Spanish
    " puedes podrias podria quiero queremos necesito necesitamos hazlo haz hacer envia enviar enviame enviamelo manda"
    " mandame mandamelo mandalo ejecuta ejecutar ejecutalo prepara preparar revisa revisar genera generar gustaria"
    " recibir recibirlo debe deberia tiene automaticamente mira comprueba actualiza recuerdame publica"
    " publicar programa programalo avisame"
)
"""Words with which something is asked for."""

WISH = word_set(
    "would could should want need like must can prefer love mochte mochten will wollen brauche brauchen hatte"
    " hatten soll"
    " sollte gern veux voudrais voudrions aimerais dois doit besoin quiero queremos necesito necesitamos gustaria"
)
"""Words of a wish, also after I and we."""

SELF = word_set("i ich je yo we wir nous")

PERSON = word_set("i we they he she ich wir er sie je nous il elle yo nosotros you")

ACTION = word_set(
    "run send make do check prepare start put deliver mail email post publish generate create update fetch remind go"
    " execute launch finish print draft write release forward submit upload export refresh rerun ready ping show give"
    " mach mache schick schicke schicken send sende senden starte starten lauf laufen erinnere erinner erstelle prufe"
    " verschicke verschicken raus rausschicken veroffentliche mail ausfuhren fertig liefere bereit"
    " envoie envoyer envoyez lance lancer lancez fais faites faire publie publier prepare rappelle rappeler pret"
    " envia enviar envialo enviala mandalo manda mandar ejecuta ejecutalo haz hazlo publica publicalo prepara"
    " prepararlo"
    " recuerdame lanza listo lista preparado again nochmal erneut encore nuevo"
)
"""Verbs of what a run does."""

NOT = word_set(
    "not no never dont don't nicht kein keine nie pas jamais sans nunca tampoco instead statt anstatt rather"
)
"""Words that refuse what follows them."""

LIMIT = word_set(
    "max maximum most least limit than under over maximal hochstens mindestens limite moins plus maximo minimo"
    " menos mas"
    " often frequently oft souvent"
)
"""Words that make a frequency a limit of something."""

PAST = word_set(
    "used was were had did been ago old former formerly previously yesterday currently"
    " fruher war waren bisher alte alter altes damals derzeit"
    " etait etaient ancien ancienne hier actuellement"
    " era eran antiguo antigua solia ayer actualmente"
)
"""Words that tell of what is or was, rather than ask."""

ENOUGH = word_set(
    "enough fine works suffices reicht genugt passt suffit basta vale perfect perfecto parfait ideal better"
)
"""Words that agree to what was said."""

WONDERING = word_set(
    "is are was were does did do has what which who why how when where ist sind hat gibt war wer was wie"
    " wann wo est sont hay es son cuando donde"
)
"""Words that begin a question which asks for nothing to be done."""

LONG_PAST = word_set(
    "used formerly previously fruher ehemals bislang autrefois anciennement auparavant solia solian antiguamente"
)
"""Words of what is no more, even beside a request."""

RELATIVE = word_set(
    "which who whose where when welche welcher welches wo weil da qui que dont ou parce porque donde quien"
    " cuando because since"
)
"""Words that begin a clause that tells more of something."""

WISHED = word_set("nicer better prefer schoner lieber wurde wurden mieux prefererais mejor preferiria")
BUT = word_set("but aber mais pero however nobody niemand personne nadie")

CORRECTION = word_set(
    "actually instead make better rather change move switch correction sorry wait now earlier later lets let say"
    " doch lieber besser statt stattdessen andere andern verschiebe korrektur sondern"
    " plutot finalement mieux change changez deplace pardon non"
    " mejor cambia cambialo cambiar mueve perdon realmente sino"
)
"""Words with which something said before is set right."""

OWNED = word_set(
    "the our their his her its my these those a an this der die das unser unsere ihr ihre sein seine mein meine le la"
    " les notre nos leur leurs son sa ses mon ma mes el los las nuestro nuestra su sus mi mis"
)
"""Words that begin a statement about a thing."""

THIS = word_set("this that it so exactly same das dies es so genau ca cela ceci le esto eso lo asi mismo")

YES = word_set(
    "yes yeah yep ok okay sure great perfect fine good exactly correct right agreed ja jo genau passt gut super klar"
    " oui d'accord parfait bien exact si sip vale claro perfecto exacto bueno deal cool"
)

NEVER_AGAIN = (
    "no fixed time", "no fixed schedule", "no schedule", "just this once", "only this once", "one-off", "one off",
    "only for now", "don't schedule", "dont schedule", "do not schedule", "no need to repeat", "start this myself",
    "start it myself", "run it myself", "trigger it myself", "run this myself", "not on a schedule", "no automation",
    "kein zeitplan", "keinen zeitplan", "keine feste zeit", "keine festen zeiten", "nur dieses eine mal",
    "nur einmal", "starte ich selbst", "ist einmalig", "nicht automatisch", "nicht regelmassig", "une seule fois",
    "pas de calendrier", "pas d'horaire", "ponctuel", "moi-meme", "solo esta vez", "una sola vez", "solo una vez",
    "sin horario", "yo mismo lo", "no hace falta repetir", "sin programar",
)  # fmt: skip
"""What people say when it shall not run by itself again; plain, without accents."""
