"""The pantry's shelves as a table: pasta, sauces, grains, cans, condiments, world foods. Data only; `taxonomy` reads it."""

TABLE = """
== Pantry > Pasta Sauces | brands=italian | sizes=14 oz,24 oz,32 oz,45 oz | diets=ogsvkzn | price=3-9
- Marinara | x=3.5 | diets=ogskzm
marinara sauce = marinara = spaghetti sauce = tomato basil pasta sauce = red pasta sauce = sugo di pomodoro
/ traditional, roasted garlic, tomato & basil, garden vegetable, mushroom, fire roasted, italian herb, chunky garden, sweet onion, cabernet
- Meat & Bolognese Sauces
bolognese sauce = meat sauce = ragu bolognese
italian sausage pasta sauce = sausage sugo
/ beef, sausage & pepper, slow simmered
- Spicy Red Sauces
arrabbiata sauce = spicy tomato pasta sauce = fra diavolo
puttanesca sauce = olive and caper pasta sauce
/ calabrian chili, roasted pepper
- Alfredo & White Sauces
alfredo sauce = creamy white pasta sauce = parmesan cream sauce
carbonara sauce = bacon and egg pasta sauce
four cheese pasta sauce = quattro formaggi
/ classic, roasted garlic, mushroom, light
- Vodka Sauces
vodka sauce = pink pasta sauce = tomato cream sauce = rosa sauce
/ classic, spicy, creamy
- Pesto | sizes=6.5 oz,8 oz,10 oz,22 oz
basil pesto = pesto genovese = green pasta sauce
sun dried tomato pesto = red pesto = pesto rosso
/ classic, dairy free style, with pine nuts, with cashews
- Pizza Sauce | sizes=8 oz,14 oz,15 oz
pizza sauce = pie sauce = sauce for pizza dough
/ traditional, sicilian, squeezable
== Pantry > Dry Pasta | brands=italian | sizes=8 oz,12 oz,16 oz,32 oz | diets=ogwpk | price=1.2-4.5
- Spaghetti & Long Cuts | x=2
spaghetti = thin italian noodles = spaghetti noodles
linguine = flat long pasta
fettuccine = wide ribbon pasta = tagliatelle
angel hair = capellini = very thin spaghetti
bucatini = hollow spaghetti
- Short Cuts | x=2
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
- Legume Pasta | diets=ogvpk | price=3-6
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
long grain white rice = plain rice = enriched rice
basmati rice = indian aromatic rice
jasmine rice = thai fragrant rice = hom mali rice
arborio rice = risotto rice = short grain italian rice
sushi rice = calrose rice = sticky rice
- Brown & Wild Rice
brown rice = whole grain rice
wild rice = wild rice blend = multicolor rice mix
- Ready Rice & Sides | sizes=5.6 oz,7 oz,8.5 oz,8 oz 6 pk | diets=ogvs | price=1.3-4
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
dried lentils = red lentils = masoor dal
dried chickpeas = dry garbanzo beans
dried pinto beans = frijoles pintos
dried black beans = frijoles negros
split peas = green split peas = soup peas
== Pantry > Canned Vegetables | brands=canned | sizes=8 oz,15 oz,28 oz,15 oz 4 pk | diets=ogsm | price=0.9-3.5
- Canned Tomatoes | x=2
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
cannellini beans = white kidney beans = tuscan white beans
great northern beans = navy beans = alubias
butter beans = lima beans
- Baked Beans
baked beans = pork and beans = barbecue beans
/ original, maple, brown sugar & bacon, vegetarian
- Refried Beans
refried beans = frijoles refritos = mashed pinto beans
/ traditional, with green chile, fat free, black bean
- Chili Beans & Chili
chili with beans = canned chili = chili con carne
chili without beans = hot dog chili
/ mild, hot, turkey, vegetarian
== Pantry > Soups & Broth | brands=canned | sizes=10.5 oz,14.5 oz,18.8 oz,32 oz | diets=ogsvf | price=1.5-5
- Chicken Soup | x=2
chicken noodle soup = sick day soup = chicken soup with noodles
chicken and rice soup = chicken wild rice soup
chicken tortilla soup = sopa azteca
/ classic, chunky, homestyle
- Tomato Soup
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
- Broth & Stock | x=2
chicken broth = chicken stock = cooking stock
beef broth = beef stock
vegetable broth = veggie stock
bone broth = sipping broth = collagen broth
- Bouillon | strict | sizes=2.25 oz,3.25 oz,8 oz
bouillon cubes = stock cubes = soup base = caldo
- Ramen & Noodle Cups | sizes=2.25 oz,3 oz 12 pk,3 oz,3 oz 24 pk | brands=asian | price=0.5-9
instant ramen = ramen noodles = instant noodles
cup noodles = noodle cup = just add water noodles
/ chicken, beef, shrimp, spicy, miso
== Pantry > Canned Fish & Meat | brands=canned+seafood | sizes=2.6 oz,5 oz,12 oz,5 oz 4 pk | diets=osm | price=1.2-9
- Canned Tuna | x=2
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
== Pantry > Condiments | brands=condiment | sizes=9 oz,14 oz,20 oz,38 oz | diets=ogzskv | price=2-7
- Ketchup
ketchup = catsup = tomato ketchup = fry sauce
/ original, spicy, simply
- Mustard
yellow mustard = hot dog mustard
dijon mustard = french mustard = grey dijon
honey mustard = sweet mustard
whole grain mustard = stone ground mustard = deli mustard
- Mayonnaise | sizes=12 oz,15 oz,30 oz,48 oz
mayonnaise = mayo = sandwich spread
vegan mayo = egg free dressing = plant spread
garlic aioli = aioli
/ real, light, olive oil, avocado oil
- Barbecue Sauce
barbecue sauce = bbq sauce = grilling sauce
/ hickory, honey, sweet & spicy, kansas city, carolina gold, mesquite
- Hot Sauce | sizes=5 oz,10 oz,17 oz
hot sauce = pepper sauce = louisiana hot sauce
buffalo sauce = wing sauce
chipotle sauce = smoky pepper sauce
sriracha = rooster sauce = thai chili garlic sauce
/ original, habanero, mild, extra hot
- Pickles | sizes=16 oz,24 oz,32 oz,46 oz
dill pickles = kosher dills = pickled cucumbers = gherkins
bread and butter pickles = sweet pickles
pickle relish = sweet relish = hot dog relish
/ spears, chips, whole, sandwich slices
- Olives & Peppers | strict | sizes=6 oz,10 oz,12 oz,16 oz
green olives = manzanilla olives = stuffed olives
black olives = ripe olives = pitted olives
kalamata olives = greek olives
banana peppers = pepperoncini = mild pickled peppers
pickled jalapenos = nacho slices = jalapeños en escabeche
roasted red peppers = pimientos = piquillo peppers
capers = nonpareil capers
- Steak & Worcestershire Sauce
steak sauce = brown sauce
worcestershire sauce = savory anchovy sauce
- Gravy | sizes=12 oz,18 oz,0.87 oz
brown gravy = beef gravy = poutine sauce
turkey gravy = poultry gravy
- Marinades
teriyaki marinade = teriyaki sauce = sweet soy glaze
lemon herb marinade = chicken marinade = 30 minute marinade
mojo marinade = citrus garlic marinade
== Pantry > Salad Dressings | brands=condiment | sizes=8 oz,12 oz,16 oz,24 oz | diets=ogfkvz | price=2.5-6
- Ranch Dressing
ranch dressing = ranch = buttermilk dressing = veggie dip dressing
/ classic, avocado, bacon, spicy, light
- Vinaigrettes
italian dressing = zesty italian = herb vinaigrette
balsamic vinaigrette = balsamic dressing
greek dressing = feta vinaigrette
raspberry vinaigrette = berry dressing
- Creamy Dressings
caesar dressing = romaine dressing
blue cheese dressing = bleu cheese dip
thousand island = russian dressing = burger sauce
honey mustard dressing = dijon honey dressing
- Asian Dressings
sesame ginger dressing = asian vinaigrette
miso dressing = japanese salad dressing
- Croutons & Toppings | sizes=4 oz,5 oz,6 oz | strict
croutons = salad toast cubes
salad topping = crispy onions = tortilla strips
bacon bits = imitation bacon pieces
== Pantry > Oils & Vinegars | brands=oil | sizes=8.5 oz,16.9 oz,25.4 oz,48 oz | diets=omk | price=3-18
- Olive Oil | x=2
extra virgin olive oil = evoo = cold pressed olive oil
light olive oil = pure olive oil = cooking olive oil
/ robust, mild, unfiltered, lemon infused, single estate
- Cooking Oil
vegetable oil = soybean oil = frying oil
canola oil = rapeseed oil
avocado oil = high heat oil
coconut oil = virgin coconut oil = solid cooking oil
sunflower oil = safflower oil
peanut oil = groundnut oil = turkey fryer oil
sesame oil = toasted sesame oil
- Cooking Spray | sizes=5 oz,6 oz,8 oz
cooking spray = nonstick spray = pan spray
/ canola, olive oil, avocado oil, butter flavor
- Vinegar | strict
balsamic vinegar = aceto balsamico = balsamic of modena
apple cider vinegar = acv = cider vinegar with the mother
white vinegar = distilled vinegar
red wine vinegar = wine vinegar
rice vinegar = sushi vinegar
== Pantry > Spices & Seasonings | brands=spice | sizes=1.5 oz,2.4 oz,5 oz,9 oz | diets=osmg | price=1.5-8
- Salt & Pepper | strict
sea salt = kosher salt = cooking salt
table salt = iodized salt
pink salt = himalayan salt
black pepper = ground peppercorns = cracked pepper
/ fine, coarse, with grinder, refill
- Ground Spices | strict
cinnamon = ground cassia
cumin = comino = ground cumin
paprika = pimenton = smoked paprika
turmeric = haldi = golden milk powder
chili powder = ground ancho
cayenne = red pepper powder
nutmeg = ground nutmeg
ginger powder = ground ginger
- Garlic & Onion Seasonings | strict
garlic powder = granulated garlic
onion powder = dried minced onion
garlic salt = garlic pepper
- Dried Herbs | strict
oregano = dried oregano leaves
basil leaves = dried basil
italian seasoning = pizza herbs = mixed italian herbs
thyme = dried thyme
bay leaves = laurel leaves
dill weed = dried dill
crushed red pepper = chili flakes = pizza pepper
- Rubs & Grill Blends
steak seasoning = montreal spice
poultry rub = chicken seasoning = rotisserie seasoning
cajun seasoning = creole blend = blackening spice
everything bagel seasoning = sesame onion topping
lemon pepper = citrus pepper
- Packet Mixes | sizes=1 oz,1.25 oz,1 oz 4 pk | strict
taco seasoning = taco mix = carne asada packet
chili seasoning = chili mix
fajita seasoning = fajita mix
ranch dip mix = dip packet
gravy packet = gravy mix
/ original, mild, hot, reduced sodium
- Extracts & Flavorings | sizes=1 oz,2 oz,4 oz | strict
vanilla extract = pure vanilla = vanilla essence
almond extract = almond flavoring
peppermint extract = mint flavoring
food coloring = gel colors = icing dye
== Pantry > Nut Butters & Spreads | brands=spread | sizes=12 oz,16 oz,28 oz,40 oz | diets=ogzskpm | price=2.5-12
- Peanut Butter | x=2
peanut butter = pb = ground peanut spread = groundnut butter
powdered peanut butter = peanut powder
/ creamy, crunchy, honey roasted, no stir
- Almond & Other Nut Butters
almond butter = ground almond spread
cashew butter = cashew spread
sunflower seed butter = sunbutter = nut free spread
tahini = sesame paste = ground sesame
- Chocolate Hazelnut Spread
hazelnut spread = chocolate spread = gianduja = cocoa hazelnut cream
cookie butter = speculoos spread = biscuit spread
- Jam & Preserves | sizes=10 oz,12 oz,18 oz,32 oz
strawberry jam = strawberry preserves = strawberry jelly
grape jelly = concord grape spread
raspberry jam = raspberry preserves
apricot jam = apricot preserves = peach preserves
orange marmalade = citrus preserve
blueberry jam = wild blueberry spread
/ seedless, squeezable, reduced sugar, traditional
- Honey | sizes=8 oz,12 oz,24 oz,40 oz
honey = clover honey = bee nectar
manuka honey = new zealand honey
raw honey = unfiltered wildflower honey
hot honey = chili honey
- Syrups & Agave | strict | sizes=12 oz,24 oz,32 oz
maple syrup = pure maple = grade a amber syrup
pancake syrup = breakfast syrup = table syrup
agave = agave nectar = blue agave sweetener
molasses = blackstrap treacle
corn syrup = light karo style syrup
== Pantry > Latin Foods | brands=latin | sizes=7 oz,12 oz,16 oz,28 oz | diets=ogsvm | price=1.5-7
- Salsa | x=2
salsa = picante sauce = pico de gallo jar = chip dip tomato
salsa verde = green salsa = tomatillo sauce
queso dip = cheese dip = nacho cheese sauce
/ mild, medium, hot, peach mango, black bean & corn, restaurant style
- Enchilada & Mole Sauces
enchilada sauce = red chile sauce
green enchilada sauce = hatch chile sauce
mole sauce = mole poblano
- Taco Shells & Kits | sizes=5.8 oz,8.8 oz,10 oz
taco shells = crunchy shells = hard shells
taco kit = taco dinner = dinner kit
tostada shells = tostadas = flat corn shells
/ yellow corn, white corn, blue corn, stand and stuff
- Chiles & Adobo | strict | sizes=4 oz,7 oz,12 oz
green chiles = diced chilies = hatch chiles
chipotle in adobo = chipotles
hominy = pozole corn = maiz blanco
== Pantry > Asian Foods | brands=asian | sizes=8 oz,10 oz,15 oz,20 oz | diets=ogsvm | price=2-7
- Soy & Stir Fry Sauces | x=2
soy sauce = shoyu = light soy
tamari = wheat free soy sauce
coconut aminos = soy sauce alternative
hoisin sauce = peking sauce = moo shu sauce
oyster sauce = savory stir fry sauce
fish sauce = nam pla = nuoc mam
sweet chili sauce = spring roll dip
stir fry sauce = wok sauce = orange chicken sauce
- Curry & Coconut Milk | strict | sizes=4 oz,13.5 oz,14 oz
coconut milk can = unsweetened coconut cream = leche de coco
red curry paste = thai curry
green curry paste = green thai curry
tikka masala sauce = indian simmer sauce = butter chicken sauce
- Asian Noodles | sizes=8 oz,12 oz,14 oz
rice noodles = pad thai noodles = rice sticks
udon = thick japanese noodles
soba = buckwheat noodles
lo mein noodles = chow mein = chinese egg noodles
- Seaweed & Sushi | strict | sizes=0.35 oz,1 oz,3.5 oz
nori sheets = sushi seaweed = laver
seaweed snack = roasted seaweed = gim
wasabi = japanese horseradish
pickled ginger = gari
- Kimchi & Pastes | strict | sizes=10 oz,14 oz,16 oz
kimchi = korean fermented cabbage
gochujang = korean chili paste
miso paste = shiro miso = fermented soybean paste
- Indian Foods | strict | sizes=9 oz,10 oz,12 oz
ghee = clarified butter
naan crisps = papadum = lentil wafers
mango chutney = sweet mango relish
ready dal = madras lentils = indian lentil pouch
"""
