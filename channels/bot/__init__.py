"""The bot: one conversation engine behind WhatsApp, SMS and the IVR. Pure: no I/O, no clock, no database."""
