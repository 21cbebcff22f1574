"""Pasta, sauces, grains, cans and soups, as a table that `taxonomy` reads. Data only."""

TABLE = """
== Pantry > Pasta Sauces | brands=italian | sizes=14 oz,24 oz,32 oz,45 oz | diets=ogsvkzn | price=3-9
- Marinara | x=3.5 | diets=ogskzm
~ red sauce = tomato pasta sauce = jarred sauce
marinara sauce = marinara = spaghetti sauce = tomato basil pasta sauce = red pasta sauce = sugo di pomodoro
/ traditional, roasted garlic, tomato & basil, garden vegetable, mushroom, fire roasted, italian herb, chunky
  garden, sweet onion, cabernet
- Meat & Bolognese Sauces | diets=ogskz
~ sauce with meat
bolognese sauce = meat sauce = ragu bolognese
italian sausage pasta sauce = sausage sugo
/ beef, sausage & pepper, slow simmered
- Spicy Red Sauces
~ spicy pasta sauce = hot tomato sauce
arrabbiata sauce = spicy tomato pasta sauce = fra diavolo
puttanesca sauce = olive and caper pasta sauce
/ calabrian chili, roasted pepper
- Alfredo & White Sauces
~ white sauce = creamy sauce
alfredo sauce = creamy white pasta sauce = parmesan cream sauce
carbonara sauce = bacon and egg pasta sauce
four cheese pasta sauce = quattro formaggi
/ classic, roasted garlic, mushroom
- Vodka Sauces
vodka sauce = pink pasta sauce = tomato cream sauce = rosa sauce
/ classic, spicy, creamy
- Pesto | sizes=6.5 oz,8 oz,10 oz,22 oz
~ herb sauce for pasta = pesto sauce
basil pesto = pesto genovese = green pasta sauce
sun dried tomato pesto = red pesto = pesto rosso
/ classic, with pine nuts, with cashews
- Pizza Sauce | sizes=8 oz,14 oz,15 oz
pizza sauce = pie sauce = sauce for pizza dough
/ traditional, sicilian, squeezable
== Pantry > Dry Pasta | brands=italian | sizes=8 oz,12 oz,16 oz,32 oz | diets=ogwpk | price=1.2-4.5
- Spaghetti & Long Cuts | x=2
~ long pasta = noodles = italian noodles
spaghetti = thin italian noodles = spaghetti noodles
linguine = flat long pasta
fettuccine = wide ribbon pasta = tagliatelle
angel hair = capellini = very thin spaghetti
bucatini = hollow spaghetti
- Short Cuts | x=2
~ short pasta = macaroni = pasta shapes
penne = mostaccioli = tube pasta
rigatoni = large ridged tubes
rotini = fusilli = spiral pasta = corkscrew noodles
farfalle = bow tie pasta = bowties
elbow macaroni = elbows = macaroni noodles
medium shells = conchiglie = seashell pasta
cavatappi = cellentani = corkscrew macaroni
- Lasagna & Stuffing Pasta
lasagna noodles = lasagne sheets = oven ready lasagna
manicotti = cannelloni tubes
jumbo shells = shells for stuffing
- Soup & Tiny Pasta
orzo = risoni = rice shaped pasta
ditalini = small tube soup pasta
pastina = little stars pasta = stelline
- Legume Pasta | implied=g | diets=ogvpk | price=3-6
~ bean noodles = protein pasta = grain free pasta
chickpea pasta = garbanzo noodles = bean pasta
red lentil pasta = lentil noodles
edamame pasta = soybean spaghetti
/ rotini, penne, spaghetti, shells, elbows
- Egg Noodles
egg noodles = wide noodles = dumpling noodles
spaetzle = german egg dumplings
/ extra wide, wide, fine, homestyle
== Pantry > Rice & Grains | brands=pantry | sizes=1 lb,2 lb,5 lb,10 lb | diets=ogmw | price=2-9
- White Rice
~ rice = arroz
long grain white rice = plain rice = enriched rice
basmati rice = indian aromatic rice
jasmine rice = thai fragrant rice = hom mali rice
arborio rice = risotto rice = short grain italian rice
sushi rice = calrose rice = sticky rice
- Brown & Wild Rice
brown rice = whole grain rice
wild rice = wild rice blend = multicolor rice mix
- Ready Rice & Sides | sizes=5.6 oz,7 oz,8.5 oz,8 oz 6 pk | diets=ogvs | price=1.3-4
~ side dish = instant rice
ready to heat rice = microwave rice pouch = 90 second rice
rice pilaf mix = seasoned rice = rice side dish
spanish rice = mexican rice = arroz rojo mix
couscous mix = pearl couscous = semolina side dish
/ original, roasted chicken, garlic & herb, butter, cilantro lime
- Ancient Grains | strict
quinoa = mother grain = tri color quinoa
farro = emmer wheat
bulgur = cracked wheat = tabbouleh wheat
pearl barley = barley
millet = hulled millet
buckwheat groats = kasha
- Couscous & Polenta | strict
couscous = moroccan semolina
polenta = yellow corn grits = cooked polenta log
- Dry Beans & Lentils | strict | sizes=1 lb,2 lb,4 lb
~ dried beans = pulses = legumes
dried lentils = red lentils = masoor dal
dried chickpeas = dry garbanzo beans
dried pinto beans = frijoles pintos
dried black beans = frijoles negros
split peas = green split peas = soup peas
== Pantry > Canned Vegetables | brands=canned | sizes=8 oz,15 oz,28 oz,15 oz 4 pk | diets=ogsm | price=0.9-3.5
- Canned Tomatoes | x=2
~ tinned tomatoes = canned tomato
diced tomatoes = chopped tomatoes = petite cut tomatoes
crushed tomatoes = passata = strained tomatoes
whole peeled tomatoes = san marzano tomatoes = plum tomatoes in juice
tomato paste = tomato concentrate = doppio concentrato
tomato sauce = plain canned tomato puree
tomatoes with green chilies = diced tomatoes and chiles = queso tomatoes
/ no flavor added, fire roasted, with garlic & oregano, with basil
- Canned Corn
canned corn = whole kernel corn = sweet corn niblets
creamed corn = cream style corn
/ golden, white shoepeg, fiesta
- Canned Green Beans & Peas | strict
canned green beans = string beans = french cut beans = haricots
canned peas = sweet peas = garden peas tin
- Canned Mushrooms & Artichokes | strict
canned mushrooms = mushroom pieces and stems
artichoke hearts = marinated artichokes = carciofi
hearts of palm = palmito
- Canned Pumpkin & Yams | strict
canned pumpkin = pumpkin puree = pie pumpkin
candied yams = canned sweet potatoes
- Sauerkraut & Beets | strict
sauerkraut = fermented cabbage = kraut
pickled beets = sliced beets = beetroot
== Pantry > Canned Beans | brands=canned+latin | sizes=15 oz,29 oz,15 oz 4 pk,15 oz 8 pk | diets=ogsv | price=0.9-4
- Chickpeas
chickpeas = garbanzo beans = ceci beans = garbanzos
- Black Beans
black beans = frijoles negros = turtle beans
- Kidney & Red Beans
kidney beans = red beans = rajma
- White Beans
~ white beans = alubias blancas
cannellini beans = white kidney beans = tuscan white beans
great northern beans = navy beans = alubias
butter beans = lima beans
- Baked Beans
baked beans = pork and beans = barbecue beans
/ original, maple, brown sugar & bacon, vegetarian
- Refried Beans
refried beans = frijoles refritos = mashed pinto beans
/ traditional, with green chile, with lime, spicy
- Chili Beans & Chili
~ chili = canned chili dinner
chili with beans = canned chili = chili con carne
chili without beans = hot dog chili
/ mild, hot, turkey, vegetarian
== Pantry > Soups & Broth | brands=canned | sizes=10.5 oz,14.5 oz,18.8 oz,32 oz | diets=ogsvf | price=1.5-5
- Chicken Soup | x=2 | diets=ogsf
~ canned soup = soup
chicken noodle soup = sick day soup = chicken soup with noodles
chicken and rice soup = chicken wild rice soup
chicken tortilla soup = sopa azteca
/ classic, chunky, homestyle
- Tomato Soup
~ red soup
tomato soup = tomato bisque = creamy tomato basil soup
/ condensed, creamy, roasted red pepper
- Cream Soups
cream of mushroom soup = mushroom casserole soup
cream of chicken soup = casserole starter
broccoli cheddar soup = broccoli cheese soup
clam chowder = new england chowder = seafood chowder
/ condensed, ready to serve
- Vegetable & Bean Soup
minestrone = italian vegetable soup
lentil soup = dal soup
split pea soup = pea and ham soup
vegetable soup = garden vegetable broth soup
- Broth & Stock | x=2 | diets=ogsf
~ broth = stock = caldo liquido
chicken broth = chicken stock = cooking stock
beef broth = beef stock
vegetable broth = veggie stock
bone broth = sipping broth = collagen broth
- Bouillon | strict | sizes=2.25 oz,3.25 oz,8 oz
bouillon cubes = stock cubes = soup base = caldo
- Ramen & Noodle Cups | sizes=2.25 oz,3 oz 12 pk,3 oz,3 oz 24 pk | brands=asian | price=0.5-9
~ instant noodle soup = dorm noodles
instant ramen = ramen noodles = instant noodles
cup noodles = noodle cup = just add water noodles
/ chicken, beef, shrimp, spicy, miso
== Pantry > Canned Fish & Meat | brands=canned+seafood | sizes=2.6 oz,5 oz,12 oz,5 oz 4 pk | diets=osm | price=1.2-9
- Canned Tuna | x=2
~ tuna = atun = tinned fish
canned tuna = chunk light tuna = tuna fish
albacore tuna = solid white tuna
tuna pouch = tuna packet = lunch tuna to go
/ in water, in olive oil, lemon pepper
- Canned Salmon & Sardines | strict
canned salmon = pink salmon tin
sardines = tinned fish = brisling
anchovies = anchovy fillets = boquerones
canned clams = chopped clams = canned oysters
- Canned Meat | strict
canned chicken = chunk chicken breast = shredded chicken tin
luncheon meat = spiced ham = canned ham
vienna sausages = cocktail sausages
corned beef hash = canned hash
"""
