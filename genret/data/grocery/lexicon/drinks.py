"""Drinks and the freezer, as a table that `taxonomy` reads. Data only."""

TABLE = """
== Beverages > Soda | brands=soda | sizes=20 fl oz,2 liter,12 fl oz 12 pk,12 fl oz 24 pk | diets=zdom | price=1.8-12
- Cola | x=1.5
~ soda = pop = soft drink
cola = cola pop = brown soft drink
cherry cola = cherry soft drink
/ classic, vanilla, lime, with cane sugar
- Lemon Lime & Citrus Soda
~ soda = pop = soft drink
lemon lime soda = clear citrus pop = lemon lime soft drink
orange soda = orange pop = naranja refresco
grapefruit soda = toronja refresco
- Root Beer & Cream Soda
~ soda = pop = soft drink
root beer = sarsaparilla = float soda
cream soda = vanilla pop
birch beer = old fashioned pop
- Ginger Ale & Mixers
ginger ale = upset stomach soda = dry ginger
tonic water = quinine water = gin mixer
club soda = seltzer mixer
ginger beer = moscow mule mixer
- Craft & Prebiotic Soda
~ healthy pop = natural soda
prebiotic soda = gut health soda = fiber soft drink
craft soda = cane sugar bottled pop
mexican fruit soda = mexican soda = refresco
/ strawberry vanilla, orange cream, grape, cherry, tropical
== Beverages > Water | brands=water | sizes=1 liter,16.9 fl oz 24 pk,16.9 fl oz 40 pk,1 gal | diets=zom | price=1-9
- Still Water | implied=z
~ water = agua
spring water = bottled water = drinking water
purified water = water bottles
alkaline water = high ph water = electrolyte water
distilled water = cpap water
- Sparkling Water | implied=z | x=1.5 | sizes=1 liter,12 fl oz 8 pk,12 fl oz 12 pk
~ carbonated water = bubbles water = agua con gas
sparkling water = seltzer = fizzy water = bubbly water
mineral water = agua mineral = carbonated spring water
/ lime, lemon, grapefruit, black cherry, peach, plain, coconut
- Flavored & Enhanced Water
vitamin water = enhanced water
flavored water = fruit infused water
coconut water = agua de coco
water enhancer = liquid drink drops
/ acai berry, dragonfruit, lemonade, watermelon, orange
== Beverages > Juice | brands=juice | sizes=10 fl oz,52 fl oz,64 fl oz,6.75 fl oz 8 pk | diets=ozm | price=2-8
- Orange Juice
~ breakfast juice
orange juice = oj = jugo de naranja
orange mango juice = tropical oj blend
/ no pulp, some pulp, with calcium, extra pulp
- Apple & Grape Juice
~ kids juice bottle
apple juice = jugo de manzana
apple cider = pressed apple = mulling cider
grape juice = concord juice = communion juice
/ clear, unfiltered, white grape
- Cranberry & Blends
cranberry juice = cranberry cocktail = uti juice
fruit punch = tropical punch
cherry juice = tart cherry
pomegranate juice = antioxidant juice
/ original, raspberry, apple, 100% juice
- Vegetable & Green Juice
vegetable juice = tomato juice = eight vegetable blend
green juice = cold pressed greens = detox juice
carrot juice = jugo de zanahoria
smoothie bottle = fruit smoothie drink
- Lemonade & Kids Drinks
~ kids drinks = lunch drinks
lemonade = limonada = lemon drink
juice boxes = juice pouches = lunchbox drinks = kids juice
drink mix = powdered drink = stir in packets
/ original, strawberry, fruit punch, grape
== Beverages > Energy & Sports Drinks | brands=sport | sizes=12 fl oz,16 fl oz,20 fl oz 8 pk,12 fl oz 12 pk |
  diets=zv | price=2-18
- Energy Drinks
~ energy drinks = caffeine
energy drink = caffeine drink = pick me up can
energy shot = caffeine shot
/ original, tropical, citrus, berry, peach mango
- Sports Drinks
~ hydration = electrolytes
sports drink = electrolyte drink = hydration beverage
electrolyte powder = hydration packets = rehydration sticks
/ lemon lime, fruit punch, glacier, orange, grape
- Protein Shakes
~ protein = protein drinks
protein shake = ready to drink protein = meal shake
protein powder = whey powder = workout powder
vegan protein powder = pea protein powder [v]
/ chocolate, vanilla, cookies & cream, strawberry, coffee
- Kombucha
kombucha = fermented tea = booch
/ ginger, berry, original, citrus, guava
== Beverages > Coffee | brands=coffee | sizes=10 oz,12 oz,24 oz,40 oz | diets=odm | price=5-22
- Ground Coffee | x=1.5
~ coffee = cafe
ground coffee = drip coffee = filter coffee = cafe molido
/ medium roast, dark roast, light roast, french roast, breakfast blend, hazelnut
- Whole Bean Coffee
~ coffee = beans for grinder
whole bean coffee = coffee beans = unground coffee
espresso beans = espresso roast
/ medium roast, dark roast, light roast, single origin
- Coffee Pods | x=1.5 | sizes=10 ct,12 ct,24 ct,48 ct
~ pods = coffee cups
coffee pods = k cups = single serve cups = coffee capsules
espresso capsules = espresso pods
/ medium roast, dark roast, donut shop, french vanilla, hazelnut
- Instant & Iced Coffee
instant coffee = soluble coffee = cafe soluble
cold brew = cold brew concentrate = slow steeped coffee
iced coffee bottle = coffee drink = bottled latte
/ black, vanilla, mocha, caramel, sweet cream
- Filters & Cocoa | strict | sizes=8 ct,30 ct,100 ct
coffee filters = paper filters = brew baskets
hot chocolate mix = hot cocoa = cocoa packets
== Beverages > Tea | brands=tea | sizes=16 ct,20 ct,40 ct,100 ct | diets=od | price=2.5-9
- Black Tea
~ tea = te negro
black tea = english breakfast = tea bags
earl grey = bergamot tea
chai tea = masala chai = spiced tea
- Green & White Tea
green tea = sencha = te verde
matcha = powdered green tea
white tea = silver needle
- Herbal Tea | implied=d
~ herbal infusion = caffeine free tea = tisane
chamomile tea = manzanilla = bedtime tea = sleepy infusion
peppermint tea = mint tea = digestive infusion
ginger tea = lemon ginger infusion
throat tea = sore throat infusion = slippery elm tea
rooibos = red bush tea
- Iced Tea | diets=odz | sizes=16.9 fl oz,64 fl oz,1 gal,12 fl oz 12 pk
~ cold tea
iced tea = cold tea bottle = sweet tea
half and half tea lemonade = tea with lemonade
/ lemon, peach, raspberry, southern style
== Frozen > Frozen Meals | brands=frozen | sizes=8 oz,10 oz,22 oz,38 oz | diets=ogvspk | price=2.5-14
- Frozen Pizza | x=2
~ pizza
frozen pizza = oven pizza = freezer pizza
cauliflower crust pizza = cauli crust pizza [g]
french bread pizza = pizza baguette
pizza rolls = pizza snacks = pizza bites
/ pepperoni, cheese, supreme, margherita, four cheese, bbq chicken
- Single Serve Entrees
~ frozen dinner = microwave meal = ready meal
frozen mac and cheese = macaroni bowl
frozen lasagna = frozen meat lasagna
chicken alfredo meal = frozen pasta dinner
rice bowl = frozen grain bowl = power bowl
pot pie = chicken pie
tv dinner = salisbury steak meal
- Burritos & Handhelds
~ frozen snacks = handheld meal
frozen burritos = bean and cheese burrito
hot pocket style sandwich = stuffed sandwich
corn dogs = battered franks
taquitos = rolled tacos = flautas
empanadas = meat turnovers
/ bean & cheese, beef, chicken, steak, spicy
- Asian Frozen Meals
~ frozen asian food = dim sum
potstickers = dumplings = gyoza = mandu
egg rolls = spring rolls = lumpia
fried rice = frozen stir fry rice
orange chicken = general tso chicken
samosas = indian pastry
/ pork, chicken, vegetable, shrimp
== Frozen > Frozen Meat & Fish | brands=frozen+seafood | sizes=12 oz,24 oz,32 oz,48 oz | diets=gos | price=5-15
- Frozen Chicken
~ breaded chicken = frozen poultry
chicken nuggets = chicken bites = kids nuggets
chicken tenders = chicken strips = chicken fingers
frozen wings = hot wings
popcorn chicken = mini chicken pieces
/ original, dino shaped, spicy, crispy, grilled
- Frozen Fish & Shrimp
fish sticks = fish fingers = breaded pollock
breaded shrimp = popcorn shrimp = coconut shrimp
frozen salmon fillets = salmon individually wrapped
frozen raw shrimp = freezer prawns
/ crunchy, beer battered, lightly breaded
- Frozen Meatballs & Burgers
meatballs = italian meatballs = swedish meatballs
frozen burgers = frozen hamburger patties
/ homestyle, turkey, angus
== Frozen > Frozen Vegetables & Fruit | brands=frozen | sizes=10 oz,12 oz,16 oz,32 oz | diets=osm | price=1.3-9
- Frozen Vegetables | strict | x=1.5
frozen broccoli = broccoli florets
frozen peas = petite peas = green peas
frozen corn = supersweet corn
mixed vegetables = veggie medley = peas and carrots
stir fry vegetables = wok vegetables
edamame = soybeans in pod
frozen spinach = chopped spinach
cauliflower rice = riced veggies
/ steamable, with butter sauce, plain
- Frozen Potatoes
~ frozen potatoes = oven fries
french fries = frites = frozen chips
tater tots = potato puffs = potato nuggets
hash browns = shredded potatoes = breakfast potatoes
sweet potato fries = orange fries
onion rings = battered onions
/ crinkle cut, shoestring, steak cut, seasoned, waffle
- Frozen Fruit
~ fruit for smoothies
frozen strawberries = smoothie strawberries
frozen blueberries = wild frozen berries
frozen mango = mango chunks
smoothie mix = frozen fruit blend = acai packs
== Frozen > Frozen Breakfast & Bread | brands=frozen+breakfast | sizes=6 ct,8 ct,10 ct,24 ct | diets=ogwpn |
  price=2.5-12
- Frozen Waffles & Pancakes
~ freezer breakfast = toaster breakfast
frozen waffles = toaster waffles = toaster grids
frozen pancakes = heat and eat pancakes
french toast sticks = frozen french toast
/ buttermilk, blueberry, chocolate chip, homestyle, cinnamon
- Breakfast Sandwiches
~ hot breakfast = grab and go breakfast
breakfast sandwich = sausage egg and cheese = morning muffin sandwich
breakfast burrito = egg wrap
egg bites = sous vide eggs = mini frittatas
/ sausage, bacon, turkey, ham
- Frozen Bread & Dough | strict
frozen garlic bread = frozen texas toast
frozen rolls = frozen dough
puff pastry = phyllo = filo dough
== Frozen > Ice Cream & Desserts | brands=icecream | sizes=1 pt,28 oz,48 oz,1.5 qt | diets=olgzvk | price=3-9
- Ice Cream Tubs | x=2
~ frozen dessert = ice cream tub
ice cream = helado = premium ice cream
gelato = italian ice cream
frozen yogurt = froyo
non dairy frozen dessert = vegan ice cream [vl]
sherbet = sorbet = italian ice
/ vanilla, chocolate, strawberry, mint chip, cookies & cream, butter pecan, coffee, salted caramel
- Novelties | sizes=4 ct,6 ct,12 ct,24 ct
~ frozen treats = ice cream on a stick
ice cream sandwiches = ice cream cookies
popsicles = ice pops = paletas = freezer pops
ice cream bars = chocolate dipped bars
ice cream cones = sundae cones
fruit bars = frozen fruit bars
/ vanilla, strawberry, chocolate, mango, cherry
- Frozen Desserts & Toppings
frozen pie = cream pie
frozen cheesecake = cheesecake bites
whipped topping = frozen whip tub
mochi ice cream = japanese ice cream balls
== Alcohol > Beer & Wine | brands=alcohol | sizes=750 ml,12 fl oz 6 pk,12 fl oz 12 pk,16 fl oz 4 pk | diets=ogz |
  price=6-25
- Beer
~ beer = brew = cerveza
lager = light beer = cerveza
ipa = india pale ale = hoppy ale
stout = porter = dark beer
non alcoholic beer = alcohol free brew = near beer
hard seltzer = spiked sparkling water
hard cider = alcoholic apple cider
- Wine
~ wine = vino
cabernet = red wine = dry red
chardonnay = white wine
pinot noir = light red wine
sauvignon blanc = crisp white
rose wine = pink wine
sparkling wine = prosecco = champagne = bubbly
- Spirits & Mixers | strict
margarita mix = marg mixer
bloody mary mix = tomato cocktail mixer
simple syrup = cocktail syrup = bitters
"""
