"""Dairy, its plant-based neighbours, and the bakery, as a table that `taxonomy` reads. Data only."""

TABLE = """
== Dairy & Eggs > Milk & Cream | brands=dairy | sizes=1 pt,1 qt,half gallon,1 gal | diets=olrp | price=1.5-7
- Dairy Milk | x=1.5
~ milk = leche = cow milk
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
~ creamers = coffee lightener
coffee creamer = coffee whitener = creamer
plant creamer = oat creamer = non dairy coffee whitener [vl]
/ french vanilla, hazelnut, caramel, sweet cream, pumpkin spice
- Eggs | strict | sizes=6 ct,12 ct,18 ct,30 ct | diets=ou
large eggs = dozen eggs = chicken eggs = huevos
brown eggs = farm eggs
liquid egg whites = egg substitute = pourable eggs
hard boiled eggs = peeled eggs
- Butter & Margarine | sizes=8 oz,15 oz,16 oz | diets=or
butter = butter sticks = mantequilla
spreadable butter = tub butter
margarine = buttery spread = oleo = vegetable spread [l]
/ salted, unsalted, with olive oil, european style
== Dairy & Eggs > Yogurt | brands=dairy | sizes=5.3 oz,4 oz 8 pk,24 oz,32 oz | diets=olzfpg | price=1-7
- Greek Yogurt | x=2
~ yogurt = yoghurt
greek yogurt = strained yogurt = high protein yoghurt
skyr = icelandic yogurt
/ plain, vanilla, strawberry, blueberry, peach, honey, coconut, key lime
- Regular Yogurt
~ yogurt = yoghurt
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
/ whole milk, with pineapple, with chive
- Pudding & Gelatin | sizes=3.25 oz 4 pk,3.25 oz 6 pk,22 oz
~ dessert cups = refrigerated dessert
pudding cups = snack pack dessert = custard
gelatin cups = wobbly dessert = jiggly dessert
flan = creme caramel = rice pudding
/ chocolate, vanilla, butterscotch, tapioca
== Dairy & Eggs > Cheese | brands=cheese | sizes=6 oz,8 oz,16 oz,32 oz | diets=olr | price=2.5-11
- Cheddar | x=1.5
~ cheese = queso amarillo
cheddar cheese = sharp cheddar = orange cheese
colby jack = marble cheese = co-jack
% shredded, sliced, block, snack sticks
/ mild, medium, sharp, extra sharp, white
- Mozzarella
~ pizza topping cheese
mozzarella = pizza cheese = low moisture mozz
fresh mozzarella = bocconcini = caprese cheese balls
string cheese = cheese sticks = pull apart snack cheese
/ whole milk, part skim
% shredded, block, sliced
- Parmesan & Hard Cheese
~ grated cheese = pasta cheese = sprinkle cheese
parmesan cheese = parmigiano = parm
pecorino romano = sheep grating cheese
asiago = italian hard cheese
% grated, shredded, wedge
- Sliced & Processed Cheese | diets=olrf
american cheese = burger slices = singles = yellow slices
swiss cheese = emmental = holes cheese
provolone = sandwich cheese
pepper jack = spicy monterey = hot pepper cheese
/ deli style, thin sliced
- Soft & Specialty Cheese | strict
brie = double creme = soft ripened cheese
goat cheese = chevre
feta = greek salad cheese
blue cheese = gorgonzola = roquefort
gouda = smoked gouda = dutch cheese
cream cheese = bagel spread = schmear
/ plain, herb, honey, light
- Mexican Cheese
~ queso = mexican cheese
queso fresco = farmers cheese = crumbling cheese
cotija = mexican grating cheese
mexican blend = taco cheese = fiesta shreds
oaxaca = quesillo
== Plant Based > Non-Dairy Milk | implied=vl | brands=altdairy | sizes=1 qt,half gallon,64 oz,32 oz 6 pk |
  diets=ozgmp | price=2.5-7
- Oat Milk | x=3
~ oat based milk = avena drink
oat milk = oatmilk = oat drink = oat beverage
barista oat milk = frothing oat drink = foamable oat beverage
/ original, vanilla, chocolate, extra creamy
- Almond Milk | x=2
~ nut milk
almond milk = almondmilk = almond beverage
/ original, vanilla, chocolate, dark chocolate
- Soy Milk
soy milk = soymilk = soya drink
/ original, vanilla, chocolate
- Coconut & Other Milks
~ plant milk = alternative milk = dairy alternative
coconut milk beverage = coconut drink carton
cashew milk = cashewmilk
pea milk = pea protein drink
rice milk = rice drink
/ original, vanilla, chocolate
== Plant Based > Meat & Dairy Alternatives | implied=vl | brands=altdairy+veggie | sizes=8 oz,10 oz,12 oz,16 oz |
  diets=ogmpn | price=3.5-9
- Tofu & Tempeh
tofu = bean curd = doufu
tempeh = fermented soy cake
seitan = wheat gluten = wheat meat
/ firm, extra firm, silken, baked, teriyaki
- Plant Burgers & Sausages
~ fake meat = meat alternative = vegetarian meat
plant based burger = veggie burger = meatless patties
vegan sausage = meatless links = plant brats
meatless crumbles = vegan ground beef = soy mince
veggie dogs = meatless franks
/ original, black bean, southwest, garden, spicy
- Plant Chicken & Seafood
vegan nuggets = chickenless nuggets = meat free chicken
vegan deli slices = meatless turkey
vegan fish fillets = plant based fish
- Vegan Cheese & Spreads | strict
~ dairy free cheese = non dairy cheese
vegan cheese = dairy free shreds = plant cheese = non dairy slices
cashew cream cheese = vegan schmear
vegan butter = plant butter = non dairy buttery sticks
/ cheddar style, mozzarella style, smoked gouda style, plain, chive
- Non-Dairy Yogurt | sizes=5.3 oz,16 oz,24 oz
~ non dairy yogurt = plant yogurt = vegan yoghurt
coconut yogurt = dairy free yogurt
almond yogurt = almondmilk yogurt alternative
oat yogurt = oat based cultured cup
/ plain, vanilla, strawberry, blueberry, key lime
== Bakery > Bread | brands=bakery | sizes=14 oz,20 oz,24 oz,27 oz | diets=ogwkzv | price=2-8
- Sandwich Bread | x=2
~ bread = loaf = pan de molde
white bread = sandwich loaf = toast bread
whole wheat bread = brown bread = wheat loaf
multigrain bread = seeded loaf = twelve grain
oatnut bread = oat bread
potato bread = soft bread
- Rye & Sourdough
sourdough = levain = tangy loaf
rye bread = pumpernickel = deli rye
- Artisan Loaves
~ crusty bread = bakery bread
baguette = french bread = french stick
ciabatta = italian slipper bread
focaccia = italian flat loaf
challah = egg bread = brioche loaf
garlic bread = texas toast = cheesy bread
- Buns & Rolls | sizes=8 ct,12 ct,6 ct
~ buns = bread rolls
hamburger buns = burger rolls
hot dog buns = frankfurter rolls
dinner rolls = hawaiian rolls = sweet rolls
hoagie rolls = sub rolls = bolillos
/ classic, brioche, sesame, potato
- Tortillas & Wraps | x=1.5 | sizes=8 ct,10 ct,20 ct,30 ct
~ tortillas = wraps
flour tortillas = soft taco shells = burrito wraps
corn tortillas = tortillas de maiz = street taco tortillas
low carb wraps = high fiber tortillas [k]
spinach wraps = sandwich wraps
/ fajita size, burrito size, street taco
- Pita & Flatbread | sizes=6 ct,8 ct,10 oz
pita bread = pocket bread
naan = indian flatbread
lavash = armenian flatbread
- Bagels & English Muffins | sizes=5 ct,6 ct
~ breakfast bread
bagels = boiled rolls = bagel thins
english muffins = toaster muffins = crumpets
/ plain, everything, cinnamon raisin, blueberry
- Breadcrumbs & Stuffing | strict | sizes=8 oz,12 oz,15 oz
breadcrumbs = panko = coating crumbs
stuffing mix = dressing mix = thanksgiving stuffing
== Bakery > Sweet Bakery | brands=bakery | sizes=4 ct,6 ct,12 ct,24 oz | diets=gvnz | price=3-14
- Cakes & Cupcakes
~ cake = pastel
birthday cake = celebration cake = sheet cake
cupcakes = mini frosted cakes = fairy cakes
cheesecake = new york style cheesecake
pound cake = loaf cake = coffee cake
/ chocolate, vanilla, red velvet, lemon, strawberry, carrot
- Muffins & Pastries
~ pastries = breakfast pastries
muffins = bakery muffins = breakfast cakes
croissants = butter crescents = french pastry
danish = fruit pastry = breakfast pastry
scones = tea biscuits
/ blueberry, chocolate chip, banana nut, almond, lemon poppy
- Donuts
~ donas
donuts = doughnuts = fried rings = mini donuts
donut holes = donut bites
/ glazed, powdered, chocolate frosted, cinnamon sugar
- Pies
~ pie
apple pie = dutch apple pie
pumpkin pie = holiday pie
pecan pie = nut pie
key lime pie = citrus pie
- Bakery Cookies
~ fresh cookies = galletas
chocolate chip cookies fresh = bakery cookies = soft baked cookies
sugar cookies = frosted cookies = decorated cookies
brownies = fudge squares = blondies
/ classic, double chocolate, oatmeal, holiday
"""
