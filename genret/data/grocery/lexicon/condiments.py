"""Condiments, oils, spices, spreads and world foods, as a table that `taxonomy` reads. Data only."""

TABLE = """
== Pantry > Condiments | brands=condiment | sizes=9 oz,14 oz,20 oz,38 oz | diets=ogzskv | price=2-7
- Ketchup
ketchup = catsup = tomato ketchup = fry sauce
/ original, spicy, simply
- Mustard
~ mustard = mostaza
yellow mustard = hot dog mustard
dijon mustard = french mustard = grey dijon
honey mustard = sweet mustard
whole grain mustard = stone ground mustard = deli mustard
- Mayonnaise | sizes=12 oz,15 oz,30 oz,48 oz | diets=ofks
mayonnaise = mayo = sandwich spread
vegan mayo = eggless dressing = plant spread [v]
garlic aioli = aioli
/ real, olive oil, avocado oil, chipotle
- Barbecue Sauce
~ grill sauce = bbq
barbecue sauce = bbq sauce = grilling sauce
/ hickory, honey, sweet & spicy, kansas city, carolina gold, mesquite
- Hot Sauce | sizes=5 oz,10 oz,17 oz
~ hot sauces = salsa picante = spicy sauce
hot sauce = pepper sauce = louisiana hot sauce
buffalo sauce = wing sauce
chipotle sauce = smoky pepper sauce
sriracha = rooster sauce = thai chili garlic sauce
/ original, habanero, mild, extra hot
- Pickles | sizes=16 oz,24 oz,32 oz,46 oz
~ pickles = pickled veg
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
- Gravy | sizes=12 oz,18 oz,0.87 oz | diets=ogs
brown gravy = beef gravy = poutine sauce
turkey gravy = poultry gravy
- Marinades
teriyaki marinade = teriyaki sauce = sweet soy glaze
lemon herb marinade = chicken marinade = 30 minute marinade
mojo marinade = citrus garlic marinade
== Pantry > Salad Dressings | brands=condiment | sizes=8 oz,12 oz,16 oz,24 oz | diets=ogfkvz | price=2.5-6
- Ranch Dressing
~ salad dressing
ranch dressing = ranch = buttermilk dressing = veggie dip dressing
/ classic, avocado, bacon, spicy
- Vinaigrettes
~ light salad dressing = oil and vinegar dressing
italian dressing = zesty italian = herb vinaigrette
balsamic vinaigrette = balsamic dressing
greek dressing = feta vinaigrette
raspberry vinaigrette = berry dressing
- Creamy Dressings
~ creamy salad dressing
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
~ olive oil = aceite de oliva
extra virgin olive oil = evoo = cold pressed olive oil
light olive oil = pure olive oil = cooking olive oil
/ robust, mild, unfiltered, lemon infused, single estate
- Cooking Oil
~ oil = cooking fat = frying fat
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
turmeric = haldi = curcuma
chili powder = ground ancho
cayenne = red pepper powder
nutmeg = ground nutmeg
ginger powder = ground ginger
- Garlic & Onion Seasonings | strict
garlic powder = granulated garlic
onion powder = dried minced onion
garlic salt = garlic pepper
- Dried Herbs | strict
~ herbs = dried seasoning
oregano = dried oregano leaves
basil leaves = dried basil
italian seasoning = pizza herbs = mixed italian herbs
thyme = dried thyme
bay leaves = laurel leaves
dill weed = dried dill
crushed red pepper = chili flakes = pizza pepper
- Rubs & Grill Blends
~ meat rub = bbq seasoning = spice rub
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
/ original, mild, hot, smoky
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
~ nut butter = nut spread
almond butter = ground almond spread
cashew butter = cashew spread
sunflower seed butter = sunflower spread = seed butter [n]
tahini = sesame paste = ground sesame
- Chocolate Hazelnut Spread
hazelnut spread = chocolate spread = gianduja = cocoa hazelnut cream
cookie butter = speculoos spread = biscuit spread
- Jam & Preserves | sizes=10 oz,12 oz,18 oz,32 oz
~ jam = jelly = fruit spread
strawberry jam = strawberry preserves = strawberry jelly
grape jelly = concord grape spread
raspberry jam = raspberry preserves
apricot jam = apricot preserves = peach preserves
orange marmalade = citrus preserve
blueberry jam = wild blueberry spread
/ seedless, squeezable, traditional
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
corn syrup = light glucose syrup
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
~ taco shells and kits = tacos
taco shells = crunchy shells = hard shells
taco kit = taco dinner = dinner kit
tostada shells = tostadas = flat corn shells
/ yellow corn, white corn, blue corn, stand and stuff
- Chiles & Adobo | strict | sizes=4 oz,7 oz,12 oz
green chiles = diced chilies = hatch chiles
chipotle in adobo = chipotles
hominy = pozole corn = maiz blanco
== Pantry > Asian Foods | brands=asian | sizes=8 oz,10 oz,15 oz,20 oz | diets=ogsvm | price=2-7
- Soy & Stir Fry Sauces | x=2 | strict
~ asian sauce = stir fry sauces
soy sauce = shoyu = light soy
tamari = wheat free soy sauce [g]
coconut aminos = soy sauce alternative [g]
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
~ asian noodles = oriental noodles
rice noodles = pad thai noodles = rice sticks [g]
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
