"""The console in the browser: sessions, playground, knowledge and health, behind one password."""
