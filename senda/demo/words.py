"""Days, money and outcomes as collections staff in Colombia read them."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency

LOCALE = "es_CO"

STAGES = {"preventive": "preventiva", "administrative": "administrativa", "prejuridical": "prejurídica"}
CHANNELS = {
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "email": "Correo",
    "call": "Llamada",
    "visit": "Visita",
    "letter": "Carta",
    "push": "Notificación",
}
OUTCOMES = {
    "paid": "pagó todo",
    "cured": "quedó al día",
    "referred": "vuelve al acreedor",
    "restructured": "se reestructuró",
    "written_off": "se castigó",
    "withdrawn": "se retiró",
}


def in_pesos(amount: Decimal) -> str:
    """Whole pesos: $ 185.000."""
    return format_currency(amount, "COP", "¤ #,##0", LOCALE, currency_digits=False)


def day(value: date) -> str:
    """A weekday and day: mar 3 feb."""
    return format_date(value, "EEE d MMM", LOCALE)


def moment(value: datetime, zone: ZoneInfo) -> str:
    """A weekday, day and local time: mar 3 feb 09:00."""
    return format_datetime(value, "EEE d MMM HH:mm", zone, LOCALE)
