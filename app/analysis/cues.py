"""Words that tell how something is said: asked for, refused, corrected, told of the past; in four languages."""

import re

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

OTHERS = word_set("they he she it er sie es ils elles il elle ellos ellas who everybody people man jeder alle todos")

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

AUXILIARY = word_set(
    "ll d will would can always usually often just only then still also have to immer meist oft dann nur auch"
    " toujours souvent les la le l siempre lo las los me nos"
)
"""Words between somebody and what they do."""

CLOSED = word_set(
    "closed shut off holiday geschlossen zu ruhetag frei ferme fermes fermee fermees conge cerrado cerrada cerrados"
    " cerramos descansamos libre"
)
"""Words that go with days on which nothing is done."""

OFFER = word_set(
    "could can should would shall may suggest propose might konnte kann soll sollte wurde schlage vorschlag"
    " pourrais peux pourrait propose suggere podria puedo propongo sugiero"
)
"""Words with which something is offered."""

PROMISE = word_set(
    "will ll shall changed moved understood noted scheduled set then got checks runs sends starts werde wird geandert"
    " notiert verschoben lauft dann alles_klar compris note notee modifie change serai sera ferai alors entendu"
    " entendido anotado cambiado queda quedo sera enviare hare entonces programado"
)
"""Words with which an agent says that it will do so."""

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

EXPLAINING = word_set("how why wie warum wieso weshalb comment pourquoi como porque")
"""Words that begin a question for an explanation."""

LONG_PAST = word_set(
    "used formerly previously fruher ehemals bislang autrefois anciennement auparavant solia solian antiguamente"
)
"""Words of what is no more, even beside a request."""

HAPPENS = word_set(
    "is are was were runs run opens open closes close lands lands comes come arrives arrive meets meet changes change"
    " gets get goes go falls fall updates update reports report logs log measures measure does do happens happen takes"
    " reads read rings ring delivers publishes starts start ends end"
    " ist sind war wird werden lauft laufen kommt kommen offnet schliesst trifft treffen tagt findet finden wechselt"
    " misst liefert beginnt endet macht"
    " est sont etait siege court passe passent arrive ferme ouvre commence finit change se livre"
    " es son era esta llega llegan abre abren cierra cambia cambian sale empieza termina mide manda pasa"
)
"""Verbs with which somebody tells what happens by itself."""

MADE = word_set(
    "report digest newsletter summary mail email list job script check run alert reminder briefing plan bericht"
    " zusammenfassung liste skript erinnerung rundmail rapport lettre resume alerte rappel envoi informe resumen"
    " correo lista boletin tarea aviso recordatorio"
)
"""What a run makes: its rhythm is meant, also where it is only told."""

IRRELEVANT = re.compile(
    r"\b(?:(?:has |have |got )?nothing to do with (?:this|it|that|us)|(?:that|it|this) (?:does not|doesn['’]?t|dont)"
    r" (?:matter|concern)|ignore (?:that|it|this|them)|(?:is|are|thats|that['’]?s) (?:not|none of) (?:yours|your"
    r" (?:problem|job|business))|none of (?:that|this|it) is (?:yours|ours)|not your (?:problem|job|business)"
    r"|(?:that|this)['’]?s (?:somebody|someone|another|a different)\b|fun fact|just so you know|by the way only"
    r"|(?:das |hat )?(?:hat )?(?:damit|hiermit) nichts zu tun|ist (?:hier )?egal|(?:das )?spielt keine rolle"
    r"|(?:ca |cela )?n['’]a rien a voir|peu importe|(?:ca |cela )?ne (?:te |vous )?(?:concerne|regarde) pas"
    r"|(?:eso |esto )?no (?:importa|tiene (?:nada )?que ver|viene al caso)|eso (?:es cosa|lo lleva) de)\b"
)
"""What people say of a rhythm that they only told; plain, without accents."""

RELATIVE = word_set(
    "which who whose where when welche welcher welches wo weil da qui que dont ou parce porque donde quien"
    " cuando because since"
)
"""Words that begin a clause that tells more of something."""

ALSO = word_set("also too well plus additionally auch zusatzlich ausserdem aussi egalement ademas tambien")
"""Words with which something comes to what was said."""

THANKS = word_set("thanks thank thx danke merci gracias")

CORRECTION = word_set(
    "actually instead meant meinte voulais queria"
    " make better rather change move switch correction sorry wait now earlier later lets let say"
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
    " oui d'accord parfait bien exact si sip vale claro perfecto exacto bueno deal cool sounds works please"
    " prima klingt einverstanden gerne gern volontiers entendu super adelante genial estupendo buenisimo"
)

NEVER_AGAIN = re.compile(
    # it is for now, or comes without a plan
    r"\b(?:no fixed (?:time|times|schedule|rhythm)|no schedule|just this once|only this once|one[- ]off"
    r"|one[- ]time (?:thing|job)|only for now|do(?: no|n['’]?)t (?:schedule|repeat)"
    r"|no need to (?:do|run|repeat|schedule) (?:it|this|that)|no need to (?:repeat|schedule)"
    r"|(?:forget|drop|scrap|skip|cancel|stop|remove|kill) (?:about )?(?:the|that|this|your) (?:\w{1,10} )?"
    r"(?:schedule|timer|automation|cron|rhythm)"
    r"|i(?:['’]?ll| will) (?:just )?(?:ask|ping|tell|write|call)(?: you)?(?: again)? (?:when|if|whenever|once) "
    r"(?:i|we) (?:need|want)"
    r"|not on a schedule|no (?:automation|repeat)|not regularly"
    r"|(?:it|this|that)(?:['’]?s| is| was) (?:just|only) (?:for )?(?:this|the|that) one\b"
    r"|(?:only|just) (?:need|want|do|doing) (?:it|this|that|them) (?:the )?(?:once|one time)"
    r"|kein(?:en)? (?:zeitplan|rhythmus)|keine festen? zeit(?:en)?|nur (?:dieses eine|dieses|das eine|ein) ?mal"
    r"|(?:ist|war|bleibt) einmalig|einmalige sache|nicht (?:automatisch|regelmassig|wiederholen)"
    r"|(?:lass|lassen wir|vergiss|streich)\b[^.;!?]{0,20}\b(?:zeitplan|rhythmus|automatik|timer)"
    r"|(?:ich melde mich|ich sage? (?:dir )?bescheid)(?: selbst| dann)?,? wenn (?:ich|wir)\b[^.;!?]{0,20}\bbrauche?n?"
    r"|(?:oublie[rz]?|laisse[rz]?|annule[rz]?) (?:donc )?(?:le|ce|ta|la) (?:calendrier|programmation|planification)"
    r"|je (?:te |vous )?(?:redemanderai|redemande|le dirai) quand|(?:olvida|deja|quita|cancela) (?:el|lo del?|la) "
    r"(?:calendario|horario|programacion)|ya (?:te|os) (?:aviso|lo pido|lo pedire) (?:yo )?cuando"
    r"|ohne (?:zeitplan|termin)|une seule fois|pas de calendrier|pas d['’]horaire|ponctuel"
    r"|on (?:fait|le fait|la fait) (?:ca )?(?:une (?:seule )?fois|qu['’]une fois)|c['’]est pour cette fois"
    r"|pas (?:besoin )?de (?:repeter|programmer|planifier)|solo esta vez|una sola vez"
    r"|solo (?:\w{1,10} ){0,3}una vez|sin horario"
    r"|no hace falta (?:repetir|programar)|sin programar|es puntual)\b"
    r"|(?:is|are|it['’]?s|was) ?(?:not|n['’]?t) (?:supposed|meant|to) (?:to )?(?:run|start|go|repeat) "
    r"(?:by itself|on its own|alone|automatically)|whenever (?:we|they|i) (?:want|need|like|feel)"
    r"|(?:runs?|starts?|calls?|launch(?:es)?) (?:it|this|them) (?:when(?:ever)?|as) (?:they|we|i|he|she|needed)"
    r"|soll (?:nicht|nie) von (?:selbst|allein) (?:laufen|starten)|(?:nur )?(?:bei bedarf|auf zuruf)"
    r"|(?:uniquement |seulement )?(?:a la demande|au besoin) (?:seulement|uniquement)"
    r"|ne doit pas (?:tourner|se lancer) (?:tout )?seul|solo (?:bajo demanda|cuando (?:haga falta|lo pida))"
    r"|no (?:debe|tiene que) (?:ejecutarse|correr|arrancar) sol[oa]"
    r"|no (?:automat\w{1,6}|autorun|timer|cron)|nothing automatic\w{0,4}|nichts automatisch\w{0,2}|keine automatik"
    r"|(?:rien|pas) d['’]automat\w{1,6}|nada automatico|sin automat\w{1,8}"
    r"|(?:presses|starts|launches|triggers|runs) (?:\w{1,12} )?by hand"
    # somebody starts it
    r"|\b(?:start|run|trigger|launch|kick) (?:this|it|them|that)(?: off)? (?:myself|by hand|manually|when)"
    r"|\bi(?:['’]?ll| will| can| would)?(?: just| always)? (?:start|run|launch|trigger|call|paste|rerun)\b[^.;!?]{1,40}"
    r"\b(?:myself|by hand|manually|when(?:ever)?)\b"
    r"|\b(?:starte|starten|mache|rufe|fuhre|stosse|lasse)\b[^.;!?]{0,30}\b(?:ich|wir)\b[^.;!?]{0,30}"
    r"\b(?:selbst|selber|von hand|handisch|manuell|wenn|sobald)\b"
    r"|\b(?:ich|wir) (?:starte|starten|mache|rufe|fuhre|stosse|lasse)\b[^.;!?]{0,30}"
    r"\b(?:selbst|selber|von hand|handisch|manuell|wenn|sobald)\b"
    r"|\b(?:je|on) (?:le |la |les |l['’])?(?:lance|relance|lancerai|relancerai|demarre|demarrerai|declenche|ferai)"
    r"(?:s|ai|ons|a)?\b[^.;!?]{0,40}(?:moi-meme|nous-memes|a la main|manuellement|quand|lorsque|de temps en temps)"
    r"|\b(?:moi|nous)-memes? (?:le|la|les) lancer"
    r"|\byo mism[oa] (?:lo|la|los)\b"
    r"|\b(?:lo|la|los|las) (?:lanzo|lanzare|ejecuto|ejecutare|arranco|inicio|pongo en marcha)\b"
    r"[^.;!?]{0,40}\b(?:yo|a mano|manualmente|cuando|segun)\b"
)
"""What people say when it shall not run by itself again; plain, without accents."""

COUNTING = word_set(
    "top best first max maximum min minimum least most than room grade group chapter page version unit"
    " number nr no step"
    " besten ersten maximal mindestens hochstens raum klasse gruppe kapitel seite mejores primeros maximo minimo"
    " meilleurs premiers maximum page salle groupe grupo"
)
"""Words after which a bare number is no time."""

SOFT = word_set(
    "please pls plz sharp latest again also then just single local spatestens bitte wieder puntual svp approximately"
    " ish pile precises kindly then punto favor"
)
"""Words around a time that change nothing of it."""
