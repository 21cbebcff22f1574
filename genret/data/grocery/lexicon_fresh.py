"""The fresh walls as a table: produce, meat, seafood, deli, dairy, plant based, bakery. Data only; `taxonomy` reads it."""

TABLE = """
== Produce > Fresh Fruit | brands=produce | sizes=each,1 lb,2 lb bag,3 lb bag | diets=om | price=1-7
- Apples & Pears | x=1.5
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
russet potatoes = baking potatoes = idaho style potatoes
yukon gold potatoes = yellow potatoes
red potatoes = new potatoes
sweet potatoes = yams = camote
baby potatoes = fingerlings = creamer potatoes
- Tomatoes
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
baby spinach = spinach leaves = espinaca
kale = lacinato = curly kale
arugula = rocket = roquette
romaine hearts = cos lettuce
iceberg lettuce = crisphead lettuce = head of lettuce
spring mix = mesclun = baby greens
- Salad Kits | sizes=10 oz,12 oz,14 oz
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
- Nuts | strict | x=1.5
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
dried cranberries = craisin style fruit
dates = medjool dates
prunes = dried plums
dried mango = mango strips
dried apricots = orejones
- Trail Mix
trail mix = hiking mix = gorp = nut and fruit mix
/ tropical, sweet & salty, mountain, energy, chocolate
== Meat & Seafood > Beef | brands=meat | sizes=12 oz,1 lb,2 lb,3 lb | diets=or | price=5-22
- Ground Beef
ground beef = hamburger meat = minced beef = ground chuck
beef patties = burger patties = hamburgers
/ 80% lean, 85% lean, 93% lean
- Steaks
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
bacon = breakfast strips = smoked pork belly slices
turkey bacon = lean breakfast strips
/ thick cut, center cut, applewood smoked, peppered, maple
- Sausages
italian sausage = salsiccia
bratwurst = brats = german sausage
breakfast sausage = sausage links = morning patties
chorizo = spanish sausage
kielbasa = polska sausage = smoked sausage rope
hot dogs = frankfurters = wieners = franks
/ mild, hot, sweet, smoked, maple
- Pork Cuts
pork chops = pork loin chops = chuletas
pork tenderloin = pork filet
pork shoulder = boston butt = carnitas meat
baby back ribs = spare ribs
ham = spiral ham = holiday ham
== Meat & Seafood > Seafood | brands=seafood | sizes=6 oz,12 oz,1 lb,2 lb | diets=os | price=6-24
- Fish Fillets
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
turkey breast slices = deli turkey = lunchmeat turkey
chicken breast slices = rotisserie deli chicken
/ oven roasted, honey smoked, mesquite, cracked pepper
- Sliced Ham & Beef
ham slices = deli ham = jamon
roast beef slices = deli beef
bologna = baloney = mortadella
pastrami = corned beef slices
/ honey, black forest, brown sugar, virginia
- Salami & Charcuterie
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
hummus = chickpea dip = garbanzo spread
guacamole = avocado dip = guac
tzatziki = cucumber yogurt dip
spinach artichoke dip = warm party dip
french onion dip = chip dip
bean dip = layered dip = seven layer dip
/ classic, roasted garlic, roasted red pepper, jalapeno, everything
- Deli Salads
potato salad = picnic potatoes
macaroni salad = pasta salad
coleslaw = creamy slaw
chicken salad = sandwich chicken spread
egg salad = tuna salad
- Ready Meals & Soups
rotisserie chicken = roasted whole chicken = hot chicken
fresh soup tub = refrigerated soup
meal bowl = heat and eat entree = prepared dinner
sushi tray = california roll
- Fresh Pasta | brands=italian | sizes=9 oz,18 oz,20 oz
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
== Dairy & Eggs > Milk & Cream | brands=dairy | sizes=1 pt,1 qt,half gallon,1 gal | diets=olrp | price=1.5-7
- Dairy Milk | x=1.5
whole milk = vitamin d milk = full fat milk = leche entera
2% milk = reduced fat milk
1% milk = lowfat milk
skim milk = fat free milk = nonfat milk
chocolate milk = cocoa milk = choc milk
buttermilk = cultured milk
kefir = drinkable cultured dairy
/ ultra filtered, vitamin fortified, pasture raised
- Cream & Half and Half | strict
heavy cream = whipping cream = crema para batir
half and half = coffee cream = light cream
whipped cream = dairy topping = spray whip
sour cream = crema = cultured cream
- Coffee Creamer | sizes=16 oz,32 oz,64 oz | diets=zvl
coffee creamer = coffee whitener = creamer
plant creamer = oat creamer = non dairy coffee whitener
/ french vanilla, hazelnut, caramel, sweet cream, pumpkin spice
- Eggs | strict | sizes=6 ct,12 ct,18 ct,30 ct | diets=ou
large eggs = dozen eggs = chicken eggs = huevos
brown eggs = farm eggs
liquid egg whites = egg substitute = egg beaters style
hard boiled eggs = peeled eggs
- Butter & Margarine | sizes=8 oz,15 oz,16 oz | diets=osrv
butter = butter sticks = mantequilla
spreadable butter = tub butter
margarine = buttery spread = oleo = vegetable spread
/ salted, unsalted, with olive oil, european style
== Dairy & Eggs > Yogurt | brands=dairy | sizes=5.3 oz,4 oz 8 pk,24 oz,32 oz | diets=olzfpg | price=1-7
- Greek Yogurt | x=2
greek yogurt = strained yogurt = high protein yoghurt
skyr = icelandic yogurt
/ plain, vanilla, strawberry, blueberry, peach, honey, coconut, key lime
- Regular Yogurt
yogurt cup = blended yoghurt = fruit on the bottom
plain yogurt tub = natural yogurt
/ plain, vanilla, strawberry, cherry, mixed berry
- Kids Yogurt & Pouches
yogurt tubes = squeeze yogurt = lunchbox yogurt sticks
drinkable yogurt = yogurt smoothie = probiotic drink
/ strawberry, berry, strawberry banana, cotton candy
- Cottage Cheese & Ricotta | strict | sizes=5 oz,16 oz,24 oz
cottage cheese = curds = small curd cheese
ricotta = lasagna cheese
/ whole milk, low fat, with pineapple
- Pudding & Gelatin | sizes=3.25 oz 4 pk,3.25 oz 6 pk,22 oz
pudding cups = snack pack dessert = custard
gelatin cups = jello style dessert = jiggly dessert
flan = creme caramel = rice pudding
/ chocolate, vanilla, butterscotch, tapioca
== Dairy & Eggs > Cheese | brands=cheese | sizes=6 oz,8 oz,16 oz,32 oz | diets=olr | price=2.5-11
- Cheddar | x=1.5
cheddar cheese = sharp cheddar = orange cheese = tillamook style cheddar
colby jack = marble cheese = co-jack
% shredded, sliced, block, snack sticks
/ mild, medium, sharp, extra sharp, white
- Mozzarella
mozzarella = pizza cheese = low moisture mozz
fresh mozzarella = bocconcini = caprese cheese balls
string cheese = cheese sticks = pull apart snack cheese
/ whole milk, part skim
% shredded, block, sliced
- Parmesan & Hard Cheese
parmesan cheese = parmigiano = parm
pecorino romano = sheep grating cheese
asiago = italian hard cheese
% grated, shredded, wedge
- Sliced & Processed Cheese
american cheese = burger slices = singles = yellow slices
swiss cheese = emmental = holes cheese
provolone = sandwich cheese
pepper jack = spicy monterey = hot pepper cheese
/ deli style, thin sliced, reduced fat
- Soft & Specialty Cheese | strict
brie = double creme = soft ripened cheese
goat cheese = chevre
feta = greek salad cheese
blue cheese = gorgonzola = roquefort
gouda = smoked gouda = dutch cheese
cream cheese = bagel spread = schmear
/ plain, herb, honey, light
- Mexican Cheese
queso fresco = farmers cheese = crumbling cheese
cotija = mexican grating cheese
mexican blend = taco cheese = fiesta shreds
oaxaca = quesillo
== Plant Based > Non-Dairy Milk | brands=altdairy | sizes=1 qt,half gallon,64 oz,32 oz 6 pk | diets=ozgmp | price=2.5-7
- Oat Milk | x=3
oat milk = oatmilk = oat drink = oat beverage
barista oat milk = frothing oat drink = foamable oat beverage
/ original, vanilla, chocolate, extra creamy, low fat
- Almond Milk | x=2
almond milk = almondmilk = almond beverage
/ original, vanilla, chocolate, dark chocolate
- Soy Milk
soy milk = soymilk = soya drink
/ original, vanilla, chocolate
- Coconut & Other Milks
coconut milk beverage = coconut drink carton
cashew milk = cashewmilk
pea milk = pea protein drink
rice milk = rice drink
/ original, vanilla, chocolate
== Plant Based > Meat & Dairy Alternatives | brands=altdairy+veggie | sizes=8 oz,10 oz,12 oz,16 oz | diets=ogmpn | price=3.5-9
- Tofu & Tempeh
tofu = bean curd = doufu
tempeh = fermented soy cake
seitan = wheat gluten = wheat meat
/ firm, extra firm, silken, baked, teriyaki
- Plant Burgers & Sausages
plant based burger = veggie burger = meatless patties = beyond beef style patty
vegan sausage = meatless links = plant brats
meatless crumbles = vegan ground beef = soy mince
veggie dogs = meatless franks
/ original, black bean, southwest, garden, spicy
- Plant Chicken & Seafood
vegan nuggets = chickenless nuggets = meat free chicken
vegan deli slices = meatless turkey = tofurky style slices
vegan fish fillets = plant based fish
- Vegan Cheese & Spreads
vegan cheese = dairy free shreds = plant cheese = non dairy slices
cashew cream cheese = vegan schmear
vegan butter = plant butter = non dairy buttery sticks
/ cheddar style, mozzarella style, smoked gouda style, plain, chive
- Non-Dairy Yogurt | sizes=5.3 oz,16 oz,24 oz
coconut yogurt = dairy free yogurt
almond yogurt = almondmilk yogurt alternative
oat yogurt = oat based cultured cup
/ plain, vanilla, strawberry, blueberry, key lime
== Bakery > Bread | brands=bakery | sizes=14 oz,20 oz,24 oz,27 oz | diets=ogwkzv | price=2-8
- Sandwich Bread | x=2
white bread = sandwich loaf = toast bread
whole wheat bread = brown bread = wheat loaf
multigrain bread = seeded loaf = twelve grain
oatnut bread = oat bread
potato bread = soft bread
- Rye & Sourdough
sourdough = levain = tangy loaf
rye bread = pumpernickel = deli rye
- Artisan Loaves
baguette = french bread = french stick
ciabatta = italian slipper bread
focaccia = italian flat loaf
challah = egg bread = brioche loaf
garlic bread = texas toast = cheesy bread
- Buns & Rolls | sizes=8 ct,12 ct,6 ct
hamburger buns = burger rolls
hot dog buns = frankfurter rolls
dinner rolls = hawaiian rolls = sweet rolls
hoagie rolls = sub rolls = bolillos
/ classic, brioche, sesame, potato, whole wheat
- Tortillas & Wraps | x=1.5 | sizes=8 ct,10 ct,20 ct,30 ct
flour tortillas = soft taco shells = burrito wraps
corn tortillas = tortillas de maiz = street taco tortillas
low carb wraps = carb balance tortillas
spinach wraps = sandwich wraps
/ fajita size, burrito size, street taco
- Pita & Flatbread | sizes=6 ct,8 ct,10 oz
pita bread = pocket bread
naan = indian flatbread
lavash = armenian flatbread
- Bagels & English Muffins | sizes=5 ct,6 ct
bagels = boiled rolls = bagel thins
english muffins = toaster muffins = crumpets
/ plain, everything, cinnamon raisin, blueberry, whole wheat
- Breadcrumbs & Stuffing | strict | sizes=8 oz,12 oz,15 oz
breadcrumbs = panko = coating crumbs
stuffing mix = dressing mix = thanksgiving stuffing
== Bakery > Sweet Bakery | brands=bakery | sizes=4 ct,6 ct,12 ct,24 oz | diets=gvnz | price=3-14
- Cakes & Cupcakes
birthday cake = celebration cake = sheet cake
cupcakes = mini frosted cakes = fairy cakes
cheesecake = new york style cheesecake
pound cake = loaf cake = coffee cake
/ chocolate, vanilla, red velvet, lemon, strawberry, carrot
- Muffins & Pastries
muffins = bakery muffins = breakfast cakes
croissants = butter crescents = french pastry
danish = fruit pastry = breakfast pastry
scones = tea biscuits
/ blueberry, chocolate chip, banana nut, almond, lemon poppy
- Donuts
donuts = doughnuts = fried rings = mini donuts
donut holes = munchkin style bites
/ glazed, powdered, chocolate frosted, cinnamon sugar
- Pies
apple pie = dutch apple pie
pumpkin pie = holiday pie
pecan pie = nut pie
key lime pie = citrus pie
- Bakery Cookies
chocolate chip cookies fresh = bakery cookies = soft baked cookies
sugar cookies = frosted cookies = decorated cookies
brownies = fudge squares = blondies
/ classic, double chocolate, oatmeal, holiday
"""
