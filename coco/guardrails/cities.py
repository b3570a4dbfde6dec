"""Large cities, whose names need no quotation marks. Names that are also English words, countries or regions are not
among them: those are written `whose city is "…"`."""

from __future__ import annotations

_NAMES = """
aachen aarhus aberdeen abu_dhabi accra adelaide albany albuquerque algiers alicante amman amsterdam anaheim anchorage
ankara ann_arbor annecy antwerp arlington asheville asuncion athens atlanta auckland augsburg austin avignon
bad_homburg bakersfield baku baltimore bamberg bangalore bangkok barcelona basel baton_rouge bayreuth beijing beirut
belfast belgrade bellevue belo_horizonte bengaluru bergamo bergen berkeley berlin bern berne bielefeld bilbao
birmingham bochum bogota bogotá boise bologna bonn bordeaux boston boulder bournemouth bozeman bradford brasilia
bratislava braunschweig breda bremen brighton brisbane bristol brno bruges brussels bucharest budapest buenos_aires
burnaby cagliari cairo calcutta calgary cambridge canberra cape_town caracas cardiff casablanca chapel_hill charleston
charlotte chattanooga chemnitz chengdu chennai chesapeake chicago christchurch chula_vista cincinnati clearwater
clermont-ferrand cleveland cluj cluj-napoca coimbra cologne colombo colorado_springs columbus copenhagen coral_gables
cordoba coventry culver_city curitiba dakar dalian dallas damascus darmstadt dayton daytona_beach debrecen delhi
denver des_moines detroit dhaka dijon doha dortmund dresden dubai dublin duisburg dundee durban durham dusseldorf
düsseldorf edinburgh eindhoven el_paso erfurt erlangen essen evansville exeter fairfax fargo fayetteville florence
fort_collins fort_lauderdale fort_myers fort_wayne fort_worth fortaleza frankfurt frankfurt_am_main freiburg fremont
fresno fukuoka galway gdansk gdańsk gdynia gelsenkirchen geneva genoa ghent giessen girona glasgow glendale gold_coast
gothenburg grand_rapids graz green_bay greensboro greenville grenoble groningen guadalajara guangzhou guatemala_city
guayaquil göteborg haarlem haifa halifax hamburg hangzhou hannover hanoi hanover harrisburg hartford havana heidelberg
heilbronn helsinki hialeah hiroshima ho_chi_minh_city hobart hoboken honolulu houston huntington_beach huntsville
hyderabad indianapolis innsbruck ipswich irvine islamabad istanbul izmir jacksonville jaipur jakarta jeddah jena
jersey_city jerusalem johannesburg joliet kampala kansas_city karachi karlsruhe kassel kathmandu katowice kaunas
kawasaki kharkiv kiel kiev kirkland knoxville kobe koblenz kochi kolkata konstanz kosice krakow kraków krefeld
kuala_lumpur kuwait_city kyiv kyoto köln la_paz lagos lahore lansing laredo las_vegas lausanne leeds leicester leiden
leipzig lexington liege lille lima limerick limoges linz lisbon little_rock livermore liverpool ljubljana lodz london
long_beach los_angeles louisville luanda lubbock lubeck lublin lucerne lugano luxembourg_city lviv lyon maastricht
madison madrid magdeburg mainz malaga malmo malmö manama manchester manila mannheim maputo marbella marburg marrakesh
marseille mckinney medellin melbourne memphis menlo_park metz mexico_city miami milan milton_keynes milwaukee
minneapolis minsk mississauga modena modesto mombasa monterrey montevideo montpellier montreal montréal moscow
mountain_view mulhouse mumbai munich munster münchen nairobi nantes naperville naples nashville new_delhi new_haven
new_orleans new_york new_york_city newark newcastle newport_beach nicosia nijmegen norwich nottingham novi_sad
nuremberg nürnberg oakland odense odessa offenbach oklahoma_city omaha orlando osaka oslo ostrava ottawa overland_park
oxford padua palermo palma palo_alto panama_city paris park_city pasadena pavia perth perugia philadelphia phoenix
pisa pittsburgh plano plovdiv plymouth podgorica portland porto porto_alegre portsmouth potsdam poznan prague pretoria
pune quebec_city quito québec_city rabat raleigh ravenna redmond redwood_city regensburg reims rennes reykjavik
richardson richmond riga riyadh roanoke rochester rome rosario rostock rotterdam rouen saarbrucken sacramento
saint-etienne saint_louis saint_paul saint_petersburg salt_lake_city salzburg san_antonio san_bernardino san_diego
san_francisco san_jose san_juan san_luis_obispo san_mateo sandy_springs santa_barbara santa_clara santa_cruz santa_fe
santa_monica santiago santo_domingo sao_paulo sapporo sarajevo sarasota savannah schaumburg schwerin scottsdale
scranton seattle seoul seville shanghai sheffield shenzhen shreveport siena sioux_falls skopje sofia south_bend
southampton spokane springfield stavanger stockholm stockton strasbourg stuttgart suwon suzhou swansea sydney syracuse
szczecin szeged são_paulo tacoma tallahassee tallinn tampa tangier tarragona tartu tashkent tbilisi tegucigalpa tehran
tel_aviv the_hague thessaloniki tianjin tilburg timisoara tirana tokyo toledo toronto toulon toulouse trento trier
trieste tromso trondheim tucson tulsa tunis turin ulm umea uppsala utrecht vaduz valencia valletta valparaiso
vancouver venice verona vicenza vienna vilnius virginia_beach waco walnut_creek warsaw weimar wellington
west_hollywood west_palm_beach wichita wiesbaden wilmington winnipeg winterthur wolfsburg wolverhampton wroclaw wuhan
wuppertal wurzburg xiamen yerevan yokohama zagreb zaragoza zhuhai zurich zürich
"""
CITIES = {name.replace("_", " "): name.replace("_", " ") for name in _NAMES.split()}
