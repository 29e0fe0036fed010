"""One local server in the place of every provider: speaks their protocols, delivers nothing, shows what it got."""
