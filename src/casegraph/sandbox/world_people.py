"""The people and places of Hemvik, an invented European retailer of home appliances.

Customers are drawn from the names of their country, with a share of families who came from
elsewhere; the sixty end users are a fixed list (`world_staff`), because a desk's staff does not
change with a seed.
Invariant: every address lies in a reserved domain (RFC 2606), so nobody real is ever named by one.
"""

import random
import unicodedata
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Country:
    """Where a customer lives, shops and speaks."""

    code: str
    language: str
    currency: str
    rate: float
    """Units of the currency for one euro, rounded for price labels."""
    stores: tuple[tuple[str, str], ...]
    """Store name and its city."""
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


COUNTRIES = (
    Country(
        "SE",
        "sv",
        "SEK",
        11.0,
        (("Hemvik Sickla", "Stockholm"), ("Hemvik Mölndal", "Göteborg")),
        ("Åsa", "Björn", "Elin", "Göran", "Malin", "Johan", "Frida", "Lars", "Ebba", "Nils"),
        ("Lindqvist", "Öberg", "Sjöström", "Håkansson", "Nyman", "Ekström", "Dahl", "Wallin"),
    ),
    Country(
        "DE",
        "de",
        "EUR",
        1.0,
        (("Hemvik Altona", "Hamburg"), ("Hemvik Ehrenfeld", "Köln"), ("Hemvik Laim", "München")),
        ("Jürgen", "Katrin", "Stefan", "Heike", "Lukas", "Anja", "Uwe", "Mia", "Thomas", "Silke"),
        ("Müller", "Schröder", "Krause", "Weiß", "Vogt", "Böhm", "Lehmann", "Jansen", "Pohl"),
    ),
    Country(
        "FR",
        "fr",
        "EUR",
        1.0,
        (("Hemvik Part-Dieu", "Lyon"), ("Hemvik Lille Flandres", "Lille")),
        ("Zoé", "François", "Hélène", "Benoît", "Chloé", "Mathieu", "Noémie", "Gérard", "Inès"),
        ("Lefèvre", "Garnier", "Besson", "Dupré", "Chevalier", "Marchand", "Rey", "Gauthier"),
    ),
    Country(
        "NL",
        "nl",
        "EUR",
        1.0,
        (("Hemvik Overvecht", "Utrecht"), ("Hemvik Zuidplein", "Rotterdam")),
        ("Sanne", "Jeroen", "Femke", "Daan", "Marieke", "Bas", "Lotte", "Pieter", "Anouk"),
        ("de Vries", "van Dijk", "Bakker", "Visser", "Hoekstra", "van den Berg", "Kuipers"),
    ),
    Country(
        "ES",
        "es",
        "EUR",
        1.0,
        (("Hemvik Leganés", "Madrid"), ("Hemvik Sant Andreu", "Barcelona")),
        ("Lucía", "Íñigo", "Marta", "Andrés", "Begoña", "Pablo", "Núria", "Álvaro", "Carmen"),
        ("García Peña", "Núñez", "Ferrer", "Ibáñez", "Molina", "Ortega", "Vidal", "Cano"),
    ),
    Country(
        "IT",
        "it",
        "EUR",
        1.0,
        (("Hemvik Bicocca", "Milano"), ("Hemvik Casalecchio", "Bologna")),
        ("Giulia", "Matteo", "Chiara", "Niccolò", "Paola", "Davide", "Elisa", "Sergio", "Ilaria"),
        ("Bianchi", "Moretti", "De Luca", "Ferrari", "Galli", "Rinaldi", "Conti", "Serra"),
    ),
    Country(
        "PL",
        "pl",
        "PLN",
        4.3,
        (("Hemvik Zakopianka", "Kraków"), ("Hemvik Wola", "Warszawa")),
        ("Małgorzata", "Łukasz", "Agnieszka", "Paweł", "Zofia", "Michał", "Ewa", "Wojciech"),
        ("Nowak", "Gołąb", "Kowalczyk", "Wróbel", "Pawlak", "Król", "Wójcik", "Maj"),
    ),
    Country(
        "GB",
        "en",
        "GBP",
        0.85,
        (("Hemvik Trafford", "Manchester"), ("Hemvik Lakeside", "Thurrock")),
        ("Emily", "Callum", "Priya", "Gareth", "Hannah", "Oliver", "Maisie", "Imran", "Ruth"),
        ("Hughes", "Patel", "Whitaker", "Campbell", "Begum", "Thornton", "Reid", "Okafor"),
    ),
    Country(
        "IE",
        "en",
        "EUR",
        1.0,
        (("Hemvik Liffey Valley", "Dublin"),),
        ("Aoife", "Cian", "Róisín", "Declan", "Niamh", "Seán", "Orla", "Conor"),
        ("Byrne", "O'Sullivan", "Kavanagh", "Ó Faoláin", "Doyle", "Murphy", "Keane"),
    ),
)
COUNTRY_WEIGHTS = (16, 22, 13, 10, 10, 9, 10, 8, 4)

_ARRIVED = (
    (("Ayşe", "Mehmet", "Elif", "Çağlar"), ("Yüksel", "Çelik", "Şahin", "Öztürk")),
    (("Ngọc", "Minh", "Thảo"), ("Nguyễn", "Trần", "Phạm")),
    (("Anjali", "Rohan", "Deepa"), ("Iyer", "Chatterjee", "Kulkarni")),
    (("Fatima", "Youssef", "Leïla"), ("El Amrani", "Benali", "Haddad")),
    (("Oksana", "Taras", "Iryna"), ("Shevchuk", "Kovalenko", "Bondar")),
    (("João", "Conceição", "Tiago"), ("Magalhães", "Araújo", "Simões")),
    (("Ioana", "Radu", "Ştefan"), ("Ionescu", "Dumitru", "Bălan")),
)
_ARRIVED_SHARE = 0.14
_DOMAINS = ("example.com", "example.org", "example.net", "mail.example")
_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss", "đ": "d", "ø": "o", "'": ""})


@dataclass(frozen=True, slots=True)
class Person:
    """One customer; two cases of one customer share the object."""

    first: str
    last: str
    email: str
    country: Country

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


@cache
def ascii_form(text: str) -> str:
    """Return the letters of a name as they stand in a mail address: lower case, no marks."""
    bare = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(letter for letter in bare if letter.isascii()).lower().replace(" ", "")


def draw_person(rng: random.Random, country: Country | None = None) -> Person:
    """Draw a customer, in a given country or in any."""
    country = country or rng.choices(COUNTRIES, COUNTRY_WEIGHTS)[0]
    first_names, last_names = country.first_names, country.last_names
    if rng.random() < _ARRIVED_SHARE:
        first_names, last_names = rng.choice(_ARRIVED)
    return _named(rng, rng.choice(first_names), rng.choice(last_names), country)


def draw_relative(rng: random.Random, of: Person) -> Person:
    """Draw somebody of the same household: same last name, same country, another first name."""
    names = [name for name in of.country.first_names if name != of.first]
    return _named(rng, rng.choice(names), of.last, of.country)


def _named(rng: random.Random, first: str, last: str, country: Country) -> Person:
    dot = rng.choice((".", "_", ""))
    number = str(rng.randrange(60, 99)) if rng.random() < 1 / 4 else ""
    box = f"{ascii_form(first)}{dot}{ascii_form(last)}{number}"
    return Person(first, last, f"{box}@{rng.choice(_DOMAINS)}", country)
