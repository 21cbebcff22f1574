"""Produce, meat, seafood and the deli, as a table that `taxonomy` reads. Data only."""

TABLE = """
== Produce > Fresh Fruit | brands=produce | sizes=each,1 lb,2 lb bag,3 lb bag | diets=om | price=1-7
- Apples & Pears | x=1.5
~ apples = manzanas
gala apples = sweet red apples
honeycrisp apples = crisp eating apples
granny smith apples = green apples = tart baking apples
fuji apples = sugary apples
bartlett pears = pears = soft pears
/ small, large, gift quality
- Bananas & Plantains | strict
bananas = banana bunch = yellow bananas
plantains = platanos = cooking bananas
- Berries | strict | sizes=6 oz,11 oz,1 lb,18 oz
strawberries = fresas = red berries
blueberries = wild blueberries fresh
raspberries = red raspberry pint
blackberries = bramble berries
- Citrus | strict
navel oranges = oranges = juicing oranges
mandarins = clementines = easy peel oranges = tangerines
lemons = limones amarillos
limes = key limes = persian limes
grapefruit = ruby red grapefruit = pomelo
- Grapes & Cherries | strict
red grapes = seedless grapes = table grapes
green grapes = white grapes
cherries = bing cherries
- Melons | strict
watermelon = seedless melon = sandia
cantaloupe = muskmelon = rockmelon
honeydew = green melon
- Tropical Fruit | strict
avocados = hass avocado = aguacate = alligator pears
mangoes = ataulfo = champagne mango
pineapple = pina = golden pineapple
kiwi = kiwifruit
papaya = paw paw = pawpaw
dragon fruit = pitaya
- Stone Fruit | strict
peaches = yellow peaches = freestone peaches
nectarines = smooth skin peaches
plums = black plums = pluots
- Cut Fruit | sizes=10 oz,16 oz,32 oz | diets=
fruit tray = fruit platter = cut melon and berries
pineapple chunks = fresh cut pineapple
apple slices = snack apples
== Produce > Fresh Vegetables | brands=produce | sizes=each,8 oz,1 lb,2 lb bag | diets=om | price=1-6
- Onions & Garlic | strict
yellow onions = cooking onions
red onions = purple onions
scallions = green onions = spring onions = cebollitas
shallots = eschalots
garlic bulbs = fresh garlic = ajo
- Potatoes | sizes=1.5 lb,3 lb bag,5 lb bag,10 lb bag
~ potatoes = spuds = papas
russet potatoes = baking potatoes = idaho style potatoes
yukon gold potatoes = yellow potatoes
red potatoes = new potatoes
sweet potatoes = yams = camote
baby potatoes = fingerlings = creamer potatoes
- Tomatoes
~ fresh tomatoes = tomates
roma tomatoes = plum tomatoes fresh
cherry tomatoes = grape tomatoes = snacking tomatoes
vine tomatoes = tomatoes on the vine
heirloom tomatoes = beefsteak
- Peppers & Chiles | strict
bell peppers = sweet peppers = capsicum
jalapenos = fresh hot peppers
mini sweet peppers = lunchbox peppers
poblano peppers = chile para rellenar
/ red, green, yellow, tri color
- Leafy Greens | x=1.5 | sizes=5 oz,8 oz,10 oz,16 oz
~ salad greens = lettuce = leafy veg
baby spinach = spinach leaves = espinaca
kale = lacinato = curly kale
arugula = rocket = roquette
romaine hearts = cos lettuce
iceberg lettuce = crisphead lettuce = head of lettuce
spring mix = mesclun = baby greens
- Salad Kits | sizes=10 oz,12 oz,14 oz
~ bagged salad = ready salad
caesar salad kit = bagged caesar
chopped salad kit = salad in a bag
coleslaw mix = shredded cabbage = slaw
/ sunflower crunch, southwest, asian style, sweet kale
- Broccoli & Cauliflower | strict
broccoli = broccoli crowns = brocoli
cauliflower = cauliflower head = coliflor
riced cauliflower = cauliflower crumbles
brussels sprouts = mini cabbages
broccolini = baby broccoli
- Carrots & Roots | strict
carrots = whole carrots = zanahorias
baby carrots = peeled snack carrots
beets = beetroot bunch
radishes = rabanos
ginger root = fresh ginger = jengibre
- Squash & Eggplant | strict
zucchini = courgette = green squash
butternut squash = winter squash
eggplant = aubergine = berenjena
spaghetti squash = noodle squash
cucumbers = english cucumber = hothouse cucumbers
- Beans Corn & Peas | strict
green beans = string beans fresh = ejotes
corn on the cob = sweet corn ears = elote
snap peas = sugar snaps
asparagus = spargel spears
- Mushrooms | sizes=6 oz,8 oz,16 oz
~ mushrooms = fungi = hongos
white mushrooms = button mushrooms = champignons
cremini mushrooms = baby bella mushrooms
portobello caps = grilling mushrooms
shiitake = asian mushrooms
- Celery & Fennel | strict
celery = celery stalks = apio
fennel = anise bulb = finocchio
leeks = poireaux
- Fresh Herbs | strict | sizes=0.5 oz,0.75 oz,2 oz
cilantro = fresh coriander = chinese parsley
basil = fresh basil = albahaca
parsley = italian parsley
mint = hierbabuena = fresh mint
rosemary = fresh rosemary
- Tofu & Fresh Sprouts | strict | sizes=7 oz,14 oz,16 oz
bean sprouts = mung sprouts
alfalfa sprouts = microgreens
== Produce > Dried Fruit & Nuts | brands=nut | sizes=5 oz,8 oz,16 oz,30 oz | diets=ozsm | price=3-15
- Nuts | strict | x=1.5 | diets=ozm
almonds = roasted almonds = raw almonds
cashews = cashew nuts = anacardos
pistachios = pistachio nuts
walnuts = walnut halves = nueces
pecans = pecan halves
peanuts = groundnuts = cocktail peanuts
mixed nuts = nut medley = party nuts
/ salted, unsalted, lightly salted, honey roasted, smoked
- Seeds | strict
sunflower seeds = pipas = baseball seeds
pumpkin seeds = pepitas
chia seeds = chia
flaxseed = ground flax = linseed
hemp hearts = shelled hemp seed
- Dried Fruit | strict
raisins = sultanas = dried grapes
dried cranberries = sweet dried cranberry
dates = medjool dates
prunes = dried plums
dried mango = mango strips
dried apricots = orejones
- Trail Mix
~ snack mix
trail mix = hiking mix = gorp = nut and fruit mix
/ tropical, sweet & salty, mountain, energy, chocolate
== Meat & Seafood > Beef | brands=meat | sizes=12 oz,1 lb,2 lb,3 lb | diets=or | price=5-22
- Ground Beef
ground beef = hamburger meat = minced beef = ground chuck
beef patties = burger patties = hamburgers
/ 80% lean, 85% lean, 93% lean
- Steaks
~ steak = beef steaks = bistec
ribeye steak = rib eye = delmonico
sirloin steak = top sirloin
new york strip = strip loin steak
flank steak = london broil = skirt steak = arrachera
filet mignon = beef tenderloin
/ choice, prime, thin cut
- Roasts & Stew Meat
chuck roast = pot roast
stew beef = beef cubes = carne guisada
brisket = beef brisket
short ribs = galbi ribs
== Meat & Seafood > Poultry | brands=meat | sizes=12 oz,1 lb,2.5 lb,5 lb | diets=ou | price=3-16
- Chicken | x=1.5
~ chicken = pollo = poultry
chicken breasts = boneless skinless breast = pechuga
chicken thighs = boneless thighs
chicken wings = wingettes = drumettes
chicken drumsticks = chicken legs
whole chicken = roaster = whole fryer
chicken tenders raw = tenderloins
ground chicken = minced chicken
/ family pack, air chilled, thin sliced
- Turkey & Duck
ground turkey = minced turkey
turkey breast roast = turkey tenderloin
whole turkey = thanksgiving bird
duck breast = whole duck
== Meat & Seafood > Pork | brands=meat | sizes=12 oz,1 lb,2 lb,4 lb | diets=osz | price=3-14
- Bacon
~ tocino
bacon = breakfast strips = smoked pork belly slices
turkey bacon = lean breakfast strips
/ thick cut, center cut, applewood smoked, peppered, maple
- Sausages
~ sausages = bangers = links
italian sausage = salsiccia
bratwurst = brats = german sausage
breakfast sausage = sausage links = morning patties
chorizo = spanish sausage
kielbasa = polska sausage = smoked sausage rope
hot dogs = frankfurters = wieners = franks
/ mild, hot, sweet, smoked, maple
- Pork Cuts
~ pork = cerdo
pork chops = pork loin chops = chuletas
pork tenderloin = pork filet
pork shoulder = boston butt = carnitas meat
baby back ribs = spare ribs
ham = spiral ham = holiday ham
== Meat & Seafood > Seafood | brands=seafood | sizes=6 oz,12 oz,1 lb,2 lb | diets=os | price=6-24
- Fish Fillets
~ fish = pescado = fresh fish
salmon fillet = atlantic salmon = salmon portions
cod fillets = white fish fillets = bacalao fresco
tilapia = mild white fish
tuna steaks = ahi
halibut = flatfish fillet
/ skin on, skinless, wild caught
- Shellfish | strict
shrimp = prawns = camarones = gambas
scallops = sea scallops
crab meat = lump crab
lobster tails = langosta
mussels = moules
/ raw, cooked, peeled, tail on
- Smoked & Imitation Fish | strict
smoked salmon = lox = nova
imitation crab = surimi = krab
fish roe = caviar = tobiko
== Deli > Lunch Meat | brands=deli | sizes=7 oz,9 oz,16 oz,22 oz | diets=ogsm | price=3.5-10
- Sliced Turkey & Chicken
~ lunch meat = cold cuts = sandwich meat
turkey breast slices = deli turkey = lunchmeat turkey
chicken breast slices = rotisserie deli chicken
/ oven roasted, honey smoked, mesquite, cracked pepper
- Sliced Ham & Beef
~ cold cuts = sandwich meat = lunch meat
ham slices = deli ham = jamon
roast beef slices = deli beef
bologna = baloney = mortadella
pastrami = corned beef slices
/ honey, black forest, brown sugar, virginia
- Salami & Charcuterie
~ cured meat = italian meats = salumi
salami = genoa = hard salami
pepperoni = pizza pepperoni = turkey pepperoni
prosciutto = italian dry cured ham
charcuterie tray = antipasto platter = snack board
- Lunch Kits | sizes=2.8 oz,4.3 oz,9 oz
lunch kit = cracker stackers = kids lunch box meal
protein snack box = cheese nut and meat snack = bistro box
/ turkey & cheddar, ham & american, pizza, nacho
== Deli > Prepared Foods | brands=deli | sizes=8 oz,12 oz,16 oz,32 oz | diets=ogv | price=4-13
- Hummus & Dips | x=1.5 | sizes=8 oz,10 oz,17 oz
~ dip = dips = party dip
hummus = chickpea dip = garbanzo spread
guacamole = avocado dip = guac
tzatziki = cucumber yogurt dip
spinach artichoke dip = warm party dip
french onion dip = chip dip
bean dip = layered dip = seven layer dip
/ classic, roasted garlic, roasted red pepper, jalapeno, everything
- Deli Salads | diets=og
~ picnic salad = deli sides
potato salad = picnic potatoes
macaroni salad = pasta salad
coleslaw = creamy slaw
chicken salad = sandwich chicken spread
egg salad = tuna salad
- Ready Meals & Soups | strict | diets=og
rotisserie chicken = roasted whole chicken = hot chicken
fresh soup tub = refrigerated soup
meal bowl = heat and eat entree = prepared dinner
sushi tray = california roll
- Fresh Pasta | brands=italian | sizes=9 oz,18 oz,20 oz
~ fresh pasta = refrigerated pasta
cheese tortellini = filled pasta rings
ravioli = stuffed pasta pillows
fresh fettuccine = refrigerated noodles
gnocchi = potato dumplings
/ three cheese, spinach & ricotta, mushroom, beef
- Refrigerated Dough & Pizza | strict | sizes=8 oz,13.8 oz,16 oz
pizza dough = dough ball = crust dough
biscuit dough = canned biscuits
crescent rolls = croissant dough
cinnamon roll dough = sticky buns
cookie dough = ready to bake cookies
pie crust = pastry shell
"""
