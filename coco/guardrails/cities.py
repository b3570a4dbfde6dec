"""Large cities, whose names need no quotation marks. Names that are also English words, countries or regions are not
among them: those are written `whose city is "…"`."""

from __future__ import annotations

_NAMES = """
amsterdam antwerp athens atlanta auckland austin bangalore bangkok barcelona basel beijing belfast berlin birmingham
bogota bologna bordeaux boston bratislava bremen brisbane bristol brussels bucharest budapest calgary cambridge
chicago cologne copenhagen dallas delhi denver detroit dortmund dresden dubai dublin dusseldorf edinburgh essen
frankfurt geneva ghent glasgow gothenburg hamburg hanover helsinki houston istanbul jakarta johannesburg krakow
lausanne leeds leipzig lisbon liverpool ljubljana london los_angeles lyon madrid malmo manchester marseille melbourne
miami milan minneapolis montreal mumbai munich nairobi nantes new_york nuremberg osaka oslo ottawa oxford paris
philadelphia porto prague riga rome rotterdam san_diego san_francisco san_jose santiago sao_paulo seattle seoul
shanghai sofia stockholm strasbourg stuttgart sydney tallinn tel_aviv tokyo toronto toulouse turin valencia vancouver
vienna vilnius warsaw zagreb zurich
"""
CITIES = {name.replace("_", " "): name.replace("_", " ") for name in _NAMES.split()}
