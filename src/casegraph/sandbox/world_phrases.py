"""Sentences that fit any case: how agent and customer spoke, how a case ends, what people rate.

Comments of customers come in eight languages, because a company with stores in nine countries gets
them so; staff write English.
Invariant: placeholders are words of a story (`world_stories`); foreign sentences have none.
"""

from casegraph.sandbox.world_topic import PRODUCT, STORE, WARRANTY

OPENERS = (
    "Called {first}. ",
    "Spoke to {name}. ",
    "Reached {first} on the second try. ",
    "{first} called back. ",
    "Answered by e-mail. ",
    "Long call with {first}. ",
    "Called {first} at work. ",
    "",
)
CLOSERS = (
    "",
    "",
    " {first} is happy with how it went.",
    " Confirmed by e-mail.",
    " {first} has no further questions.",
    " Told {first} to ring {agent} directly if anything comes up.",
    " Thanked {first} for the patience.",
)
ATTEMPTS = (
    "Called {first}, no answer, left a message.",
    "Called twice, nobody there. Text message sent.",
    "Number rings out. Wrote to {email} and asked for a good time to call.",
)
LAST_ATTEMPTS = (
    "Third try, voicemail again. Wrote to {first} that we close and how to reopen.",
    "No answer to call, message and e-mail. Closing; {first} has our direct number.",
    "Nobody reached in three attempts on three days, closing without contact.",
)
CORRECTIONS = (
    " (Corrected: order number.)",
    " (Added: {first} prefers e-mail.)",
    " (Edited: first name was misspelt.)",
    " (Added: best time to call is after 16.)",
)
HAND_MADE = (
    "{store} forwarded this by phone.",
    "Came in by letter, scanned and attached to the order.",
    "Taken over from the switchboard.",
)

FOREIGN_COMMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "sv": {
        "Missed time slot": ("Tog ledigt en hel dag och ingen kom. Ingen ringde heller.",),
        "Late delivery": ("Tredje gången leveransen flyttas, nu räcker det.",),
        "Technician no-show": ("Montören dök aldrig upp och kundtjänst visste ingenting.",),
        "Noise or vibration": ("Den låter som ett flygplan och har gjort det sedan dag ett.",),
        "Refund not received": ("Väntar fortfarande på mina pengar, det har gått tre veckor.",),
        "Order change": ("Går inte att ändra beställningen på sidan, knappen gör inget.",),
        WARRANTY: ("Betalade för förlängd garanti men ingen hittar avtalet.",),
        STORE: ("Fyrtio minuter i kö och sedan stängde kassan.",),
        PRODUCT: ("Trasig efter två veckor. För det priset väntar jag mig mer.",),
    },
    "de": {
        "Missed time slot": ("Den ganzen Tag gewartet, niemand kam, niemand hat angerufen.",),
        "Damaged on arrival": ("Karton einfach im Flur abgestellt, die Tür ist eingedrückt.",),
        "Late delivery": ("Zweimal verschoben, ohne ein Wort.",),
        "Not connected": ("Anschluss war bezahlt, angeschlossen wurde nichts.",),
        "Refund not received": ("Seit drei Wochen warte ich auf die Rückzahlung.",),
        "Payment failed": ("Seite bleibt nach der TAN weiß, Geld ist trotzdem weg.",),
        PRODUCT: ("Nach zwei Wochen defekt. Für diesen Preis erwarte ich mehr.",),
        WARRANTY: ("Der Händler schickt mich zum Hersteller und der wieder zurück.",),
        STORE: ("Freundlich, aber leider schlecht beraten.",),
    },
    "fr": {
        "Missed time slot": ("J'ai posé un jour de congé pour rien, personne n'est venu.",),
        "Damaged on arrival": ("Livré avec une grosse rayure sur toute la façade.",),
        "Technician no-show": ("Le technicien n'est jamais passé et personne n'a prévenu.",),
        "Leak": ("Ça fuit à chaque lavage, la voisine du dessous est furieuse.",),
        "Refund not received": ("Toujours pas de remboursement après trois semaines.",),
        "Payment failed": ("Paiement accepté par ma banque, refusé par votre site.",),
        PRODUCT: ("En panne après deux semaines, inadmissible à ce prix.",),
        WARRANTY: ("Le magasin et le fabricant se renvoient la balle.",),
        STORE: ("Quarante minutes d'attente à l'accueil, puis le guichet a fermé.",),
    },
    "nl": {
        "Missed time slot": ("Hele dag thuisgebleven en niemand gezien. Niet eens een belletje.",),
        "Wrong item": ("Verkeerde kleur geleverd en de oude is al meegenomen.",),
        "Technician no-show": ("De monteur is twee keer niet komen opdagen.",),
        "Noise or vibration": ("Maakt zoveel lawaai dat de buren al hebben aangebeld.",),
        "Refund not received": ("Al drie weken wachten op mijn geld.",),
        "Order change": ("Annuleren lukt niet, de knop doet niets.",),
        WARRANTY: ("Vijf jaar garantie betaald, maar niemand kan het contract vinden.",),
        STORE: ("Aardig personeel, maar veel te weinig mensen.",),
    },
    "es": {
        "Missed time slot": ("Pedí el día libre y no vino nadie. Ni una llamada.",),
        "Late delivery": ("Dijeron tres días y ya van diez.",),
        "Not connected": ("Pagué la instalación y lo dejaron en medio de la cocina.",),
        "Error code": ("Da error a mitad del programa y no hay manera.",),
        "Refund not received": ("Sigo esperando la devolución, siempre me dicen cinco días.",),
        "Payment failed": ("Me han cobrado y el pedido no aparece.",),
        WARRANTY: ("La tienda me manda al fabricante y el fabricante a la tienda.",),
        STORE: ("¡Cuarenta minutos de cola para nada!",),
    },
    "it": {
        "Missed time slot": ("Ho aspettato tutto il giorno e non si è visto nessuno.",),
        "Damaged on arrival": ("Consegnato ammaccato, il corriere ha alzato le spalle.",),
        "Technician no-show": ("Il tecnico non è mai arrivato, è la seconda volta.",),
        "Leak": ("Dopo due settimane già perde acqua.",),
        "Refund not received": ("Il rimborso non è ancora arrivato.",),
        "Order change": ("Non si può modificare l'ordine, la pagina resta bianca.",),
        WARRANTY: ("Nessuno trova il contratto di garanzia che ho pagato.",),
        STORE: ("Commesso gentile ma consiglio sbagliato.",),
    },
    "pl": {
        "Missed time slot": ("Cały dzień czekania i nikt nie przyjechał. Szkoda urlopu.",),
        "Damaged on arrival": ("Sprzęt przyjechał z wgniecionymi drzwiami.",),
        "Technician no-show": ("Monter nie przyszedł i nikt nie zadzwonił.",),
        "Noise or vibration": ("Tak głośno, że sąsiedzi już pukali.",),
        "Refund not received": ("Trzy tygodnie czekam na zwrot pieniędzy.",),
        "Order change": ("Nie da się zmienić adresu w zamówieniu.",),
        WARRANTY: ("Sklep odsyła do producenta, producent do sklepu.",),
        STORE: ("Długa kolejka, a obsługa nie znała sprzętu.",),
    },
}
"""By language, then by subcategory or, where that has none, by category."""

GOOD_RATINGS = {
    "en": (
        "{agent} was friendly and quick, thank you.",
        "Everything sorted in one call. That is how it should be.",
        "Took a while, but {agent} kept me informed all along.",
        "Great help, and the {thing} is running.",
        "Kind and competent. Would buy again.",
        "{agent} called back exactly when promised.",
    ),
    "sv": ("Tack {agent}, snabbt och vänligt!", "Bra hjälp, allt löste sig till slut."),
    "de": ("{agent} war sehr freundlich, schnelle Lösung.", "Vielen Dank, läuft jetzt alles."),
    "fr": ("Merci {agent}, très aimable et efficace.", "Problème réglé en deux jours, bravo."),
    "nl": ("Top geholpen door {agent}!", "Vriendelijk en snel opgelost."),
    "es": ("Muy amable {agent}, todo resuelto.", "Rápido y con buena atención, gracias."),
    "it": ("Gentilissima assistenza, grazie {agent}.", "Tutto risolto, complimenti."),
    "pl": ("Dziękuję, {agent}, bardzo pomocna obsługa!", "Szybko i uprzejmie."),
}
BAD_RATINGS = {
    "en": (
        "Still waiting. Nobody feels responsible.",
        "Had to explain everything three times.",
        "Friendly, but the {thing} is still not right.",
        "A voucher does not give me my day back.",
        "Closed my case without asking me.",
        "Too slow for something this simple.",
    ),
    "sv": ("Ingen återkopplar, väntar fortfarande.", "Tog alldeles för lång tid."),
    "de": ("Niemand fühlt sich zuständig.", "Musste alles dreimal erklären."),
    "fr": ("Beaucoup de promesses, peu d'actes.", "Toujours pas réglé, très décevant."),
    "nl": ("Nog steeds niet opgelost.", "Drie keer hetzelfde verhaal moeten doen."),
    "es": ("Nadie se hace responsable.", "Sigo igual que hace dos semanas."),
    "it": ("Ancora nessuna soluzione.", "Tempi troppo lunghi."),
    "pl": ("Nadal czekam.", "Nikt nie oddzwonił."),
}
MENDED_RATINGS = (
    "Changing my rating: {agent} got it done in the end.",
    "It was a fight, but now it is settled. Thanks to {agent}.",
    "Second rating, this time a good one.",
)
