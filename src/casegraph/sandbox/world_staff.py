"""The staff of Hemvik's customer care: sixty end users in five teams, a few of whom have left.

The same people appear in all systems that know staff: as end users of the hub, as agents of the
rating desk, as reviewers.
Invariant: ids, names and teams are fixed, whatever the seed; at least one agent who has left is in
every desk team, so that any case can have been left with one.
"""

from dataclasses import dataclass
from functools import cache

from casegraph.sandbox.world_people import ascii_form

DELIVERY_DESK = "Delivery desk"
PRODUCT_DESK = "Product support"
BILLING_DESK = "Billing and orders"
LEADS = "Team leads"
QUALITY = "Quality and insight"
DESKS = (DELIVERY_DESK, PRODUCT_DESK, BILLING_DESK)

LANGUAGES = {"en": 9, "de": 7, "es": 10, "fr": 12, "it": 16, "nl": 19, "pl": 21, "sv": 29}
"""Language numbers of the vendor: its samples show 9 for English, the primary id of Windows."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """One member of staff; `user_id` is the hub's id, the other systems derive theirs from it."""

    user_id: int
    first: str
    last: str
    language: str
    team: str
    is_active: bool
    comment: str | None

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def user_name(self) -> str:
        """The name they sign in with."""
        return f"{ascii_form(self.first)}.{ascii_form(self.last)}"

    @property
    def email(self) -> str:
        """The address at work."""
        return f"{self.user_name}@hemvik.example"


_ROSTER = {
    DELIVERY_DESK: (
        "Åsa Norberg sv, Tomasz Grabowski pl, Ngozi Adeyemi en, Lena Hartmann de, Hugo Perrin fr, "
        "Marisol Quintana es, Femke Postma nl, Bogdan Rusu en, Yusuf Toprak de, Clara Besnard fr, "
        "Viktor Hallberg sv, Oriol Puig es, Kaja Sikora pl, Rhys Llewellyn en, Thị_Lan Bùi fr, "
        "Giorgia Testa it, Sven Albrecht de -, Maeve Brennan en -"
    ),
    PRODUCT_DESK: (
        "Henrik Sandström sv, Ulrike Fuchs de, Amélie Coste fr, Dario Fontana it, Ruben Smit nl, "
        "Beata Kamińska pl, Samir Haddad fr, Ingrid Möller de, Nuno Barros es, "
        "Kateryna Lysenko pl, Elwin Dekker nl, Sofia Marchetti it, Aaron Clarke en, "
        "Jolanta Wrona pl, Esra Koç de, Priyanka Nair en -"
    ),
    BILLING_DESK: (
        "Mikaela Forsberg sv, Dirk Neumann de, Solène Roux fr, Alba Romero es, Tobias Lindgren sv, "
        "Wiktor Mazur pl, Fiona Gallagher en, Matilde Greco it, Joost Meijer nl, Hakan Demir de, "
        "Anneli Virtanen sv, Xavier Roca es -"
    ),
    LEADS: (
        "Birgitta Lundgren sv, Matthias Kern de, Élodie Fabre fr, Inmaculada Soto es, "
        "Grzegorz Pająk pl, Siobhán Daly en, Rutger de Wit nl -"
    ),
    QUALITY: (
        "Oluwaseun Bello en, Annika Söderberg sv, Franziska Brandt de, Théo Lacombe fr, "
        "Caterina Longo it, Noor van Leeuwen nl, Zbigniew Kos pl"
    ),
}
_COMMENTS = {
    "Birgitta Lundgren": "Nordic desk, deputy of Siobhán Daly",
    "Ngozi Adeyemi": "Works Tuesday to Saturday",
    "Ulrike Fuchs": "First contact for insurers",
    "Sven Albrecht": "Moved to the warehouse in May",
    "Maeve Brennan": "On leave until next year",
    "Priyanka Nair": "Left the company",
    "Xavier Roca": "Contract ended",
    "Rutger de Wit": "Now with Store Operations",
    "Dirk Neumann": "May sign refunds up to EUR 1,000",
}


def _hire() -> tuple[Colleague, ...]:
    staff: list[Colleague] = []
    for team, roster in _ROSTER.items():
        for entry in roster.split(", "):
            left = entry.endswith(" -")
            first, rest = entry.removesuffix(" -").split(" ", 1)
            last, language = rest.rsplit(" ", 1)
            first = first.replace("_", " ")
            number = 51_204 + 7 * len(staff) + len(staff) % 3
            comment = _COMMENTS.get(f"{first} {last}")
            staff.append(Colleague(number, first, last, language, team, not left, comment))
    return tuple(staff)


STAFF = _hire()
"""All sixty, by team."""

STORE_MANAGERS = tuple(
    Colleague(52_900 + 11 * place, first, last, language, "Stores", is_active=True, comment=store)
    for place, (first, last, language, store) in enumerate(
        (
            ("Petra", "Åkerlund", "sv", "Hemvik Sickla"),
            ("Rolf", "Tiedemann", "de", "Hemvik Altona"),
            ("Margaux", "Vidal", "fr", "Hemvik Part-Dieu"),
            ("Paweł", "Gajda", "pl", "Hemvik Zakopianka"),
            ("Orlaith", "Nolan", "en", "Hemvik Liffey Valley"),
        )
    )
)
"""End users of the hub without a program."""


@cache
def members(team: str, *, active: bool = True) -> tuple[Colleague, ...]:
    """Return those of one team who are still there, or those who have left."""
    return tuple(one for one in STAFF if one.team == team and one.is_active is active)
