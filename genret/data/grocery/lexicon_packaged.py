"""Snacks, sweets, drinks, breakfast, baking and the freezer as a table. Data only; `taxonomy` reads it."""

TABLE = """
== Snacks > Chips & Crisps | brands=snack | sizes=1 oz,7.75 oz,10 oz,15 oz | diets=ogvsmk | price=1.5-6
- Potato Chips | x=2
potato chips = crisps = crispy potato slices
kettle chips = kettle cooked potato crisps
ridged chips = wavy chips = ruffled crisps
/ original, barbecue, sour cream & onion, salt & vinegar, jalapeno, cheddar
- Tortilla Chips | x=1.5
tortilla chips = corn chips = nacho chips = totopos
flavored tortilla chips = cheesy corn triangles
/ white corn, blue corn, nacho cheese, lime, restaurant style, cool ranch
- Cheese Puffs & Curls
cheese puffs = cheese curls = cheesy puffs
veggie straws = vegetable sticks snack
/ crunchy, baked, white cheddar, flaming hot
- Veggie & Bean Chips
veggie chips = root vegetable crisps
lentil chips = bean chips
plantain chips = platanitos = mariquitas
kale chips = baked greens
/ sea salt, barbecue, garlic
- Pork Rinds & Meat Snacks
pork rinds = chicharrones = pork cracklings
beef jerky = dried beef = carne seca
meat sticks = snack sausages = beef sticks
turkey jerky = poultry jerky
/ original, teriyaki, peppered, hot, hickory
- Popcorn
microwave popcorn = movie butter popcorn bags
popped popcorn = ready to eat popcorn = bagged popcorn
popcorn kernels = popping corn
/ butter, kettle corn, white cheddar, sea salt, caramel
- Pretzels
pretzels = pretzel twists = salted knots
filled pretzels = peanut butter pretzel nuggets
chocolate covered pretzels = yogurt pretzels
/ sticks, twists, thins, rods, honey wheat
- Rice Cakes & Crispbread
rice cakes = puffed grain cakes = rice crisps
crispbread = wasa style crackers = rye crisps
/ lightly salted, caramel, cheddar, apple cinnamon
== Snacks > Crackers & Cookies | brands=snack | sizes=4 oz,8 oz,13 oz,20 oz | diets=ogwvns | price=2-6
- Crackers | x=1.5
saltines = soda crackers = soup crackers
butter crackers = round crackers = party crackers
cheese crackers = cheddar squares = fish shaped crackers
graham crackers = s'mores crackers = honey grahams
wheat crackers = woven wheat thins
water crackers = cheese board crackers
/ original, reduced fat, rosemary, white cheddar
- Sandwich Crackers
peanut butter crackers = sandwich crackers = lunch crackers
cheese sandwich crackers = cracker snack packs
- Packaged Cookies | x=1.5
sandwich cookies = creme filled chocolate cookies = milk's favorite cookie
chocolate chip cookies = choc chip biscuits
shortbread = butter cookies = scottish biscuits
vanilla wafers = banana pudding cookies = nilla style
fig bars = fruit filled cookies = newton style
gingersnaps = ginger cookies = ginger biscuits
animal crackers = circus cookies
/ original, double stuffed, thin, mini, golden
- Wafers & Biscotti
biscotti = cantuccini = dunking cookies
sugar wafers = wafer rolls = pirouettes
/ almond, chocolate, vanilla
== Snacks > Bars & Fruit Snacks | brands=bar | sizes=1.4 oz,1.4 oz 6 pk,1.4 oz 12 pk,1.4 oz 24 pk | diets=ogvnkpz | price=1.2-16
- Granola Bars
granola bars = oat bars = muesli bars
chewy bars = soft granola bars
breakfast bars = cereal bars = fruit and grain bars
/ oats & honey, chocolate chip, peanut butter, strawberry, apple cinnamon
- Protein Bars
protein bars = workout bars = muscle bars
meal replacement bars = diet bars
collagen bars = keto bars = low sugar bars
/ chocolate peanut butter, cookie dough, brownie, birthday cake, mint
- Fruit & Nut Bars
fruit and nut bars = date bars = raw bars
nut bars = sweet and salty bars
/ cashew, almond coconut, cherry pie, dark chocolate sea salt
- Fruit Snacks | sizes=0.8 oz 10 pk,0.8 oz 20 pk,0.8 oz 40 pk
fruit snacks = gummy fruit = chewy fruit pouches
fruit leather = fruit roll = fruit strips
freeze dried fruit = crunchy fruit = fruit crisps
/ mixed fruit, strawberry, tropical, berry
- Applesauce & Fruit Cups | sizes=3.2 oz 4 pk,3.2 oz 12 pk,4 oz 6 pk,24 oz
applesauce = apple puree = compote
applesauce pouches = squeezable fruit = gogo pouch
fruit cups = peaches in juice = diced fruit bowls
mandarin orange cups = canned mandarins
/ original, cinnamon, strawberry, unsweetened
== Snacks > Candy & Chocolate | brands=candy | sizes=1.5 oz,3.5 oz,8 oz,12 oz | diets=ogvnz | price=1.2-9
- Chocolate Bars | x=1.5
milk chocolate bar = candy bar = chocolate tablet
dark chocolate bar = bittersweet chocolate = 70 percent cacao
white chocolate bar = white chocolate
/ plain, almond, sea salt, caramel, orange, raspberry
- Chocolate Candy
peanut butter cups = peanut butter chocolate cups
caramel chocolates = turtles = chocolate caramels
chocolate covered nuts = chocolate almonds
candy coated chocolates = chocolate buttons
truffles = bonbons = boxed chocolates = pralines
/ milk, dark, minis, share size
- Gummies & Chewy Candy
gummy bears = gummi bears = jelly bears
sour gummies = sour worms = sour candy
licorice = liquorice twists = red vines
fruit chews = taffy = chewy squares
/ original, tropical, wild berry
- Hard Candy & Mints
lollipops = suckers = candy pops
hard candy = boiled sweets = butterscotch discs
mints = breath mints = peppermints
chewing gum = gum = bubble gum
marshmallows = campfire puffs = smores puffs
/ spearmint, peppermint, cinnamon, fruit
- Seasonal Candy
halloween candy = trick or treat mix = fun size assortment
candy canes = christmas candy
easter eggs candy = jelly beans
valentine chocolates = heart box
== Beverages > Soda | brands=soda | sizes=20 fl oz,2 liter,12 fl oz 12 pk,12 fl oz 24 pk | diets=zdom | price=1.8-12
- Cola | x=1.5
cola = soda pop cola = coke style soft drink
cherry cola = cherry soft drink
/ classic, vanilla, cherry, lime, with cane sugar
- Lemon Lime & Citrus Soda
lemon lime soda = clear citrus pop = lemon lime soft drink
orange soda = orange pop = naranja refresco
grapefruit soda = toronja refresco
- Root Beer & Cream Soda
root beer = sarsaparilla = float soda
cream soda = vanilla pop
birch beer = old fashioned pop
- Ginger Ale & Mixers
ginger ale = upset stomach soda = dry ginger
tonic water = quinine water = gin mixer
club soda = seltzer mixer
ginger beer = moscow mule mixer
- Craft & Prebiotic Soda
prebiotic soda = gut health soda = fiber soft drink
craft soda = cane sugar bottled pop
jarritos style soda = mexican soda = refresco
/ strawberry vanilla, orange cream, grape, cherry, tropical
== Beverages > Water | brands=water | sizes=1 liter,16.9 fl oz 24 pk,16.9 fl oz 40 pk,1 gal | diets=zom | price=1-9
- Still Water
spring water = bottled water = drinking water
purified water = water bottles
alkaline water = high ph water = electrolyte water
distilled water = cpap water
- Sparkling Water | x=1.5 | sizes=1 liter,12 fl oz 8 pk,12 fl oz 12 pk
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
orange juice = oj = jugo de naranja
orange mango juice = tropical oj blend
/ no pulp, some pulp, with calcium, extra pulp
- Apple & Grape Juice
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
vegetable juice = tomato juice = v style eight vegetable juice
green juice = cold pressed greens = detox juice
carrot juice = jugo de zanahoria
smoothie bottle = fruit smoothie drink
- Lemonade & Kids Drinks
lemonade = limonada = lemon drink
juice boxes = juice pouches = lunchbox drinks = kids juice
drink mix = powdered drink = kool style packets
/ original, strawberry, fruit punch, grape
== Beverages > Energy & Sports Drinks | brands=sport | sizes=12 fl oz,16 fl oz,20 fl oz 8 pk,12 fl oz 12 pk | diets=zv | price=2-18
- Energy Drinks
energy drink = caffeine drink = pick me up can
energy shot = caffeine shot
/ original, tropical, citrus, berry, peach mango
- Sports Drinks
sports drink = electrolyte drink = hydration beverage
electrolyte powder = hydration packets = rehydration sticks
/ lemon lime, fruit punch, glacier, orange, grape
- Protein Shakes
protein shake = ready to drink protein = meal shake
protein powder = whey powder = workout powder
vegan protein powder = pea protein powder
/ chocolate, vanilla, cookies & cream, strawberry, coffee
- Kombucha
kombucha = fermented tea = booch
/ ginger, berry, original, citrus, guava
== Beverages > Coffee | brands=coffee | sizes=10 oz,12 oz,24 oz,40 oz | diets=odm | price=5-22
- Ground Coffee | x=1.5
ground coffee = drip coffee = filter coffee = cafe molido
/ medium roast, dark roast, light roast, french roast, breakfast blend, hazelnut
- Whole Bean Coffee
whole bean coffee = coffee beans = unground coffee
espresso beans = espresso roast
/ medium roast, dark roast, light roast, single origin
- Coffee Pods | x=1.5 | sizes=10 ct,12 ct,24 ct,48 ct
coffee pods = k cups = single serve cups = coffee capsules
espresso capsules = nespresso style pods
/ medium roast, dark roast, donut shop, french vanilla, hazelnut
- Instant & Iced Coffee
instant coffee = soluble coffee = cafe soluble
cold brew = cold brew concentrate = slow steeped coffee
iced coffee bottle = coffee drink = frappuccino style drink
/ black, vanilla, mocha, caramel, sweet cream
- Filters & Cocoa | strict | sizes=8 ct,30 ct,100 ct
coffee filters = paper filters = brew baskets
hot chocolate mix = hot cocoa = cocoa packets
== Beverages > Tea | brands=tea | sizes=16 ct,20 ct,40 ct,100 ct | diets=od | price=2.5-9
- Black Tea
black tea = english breakfast = tea bags
earl grey = bergamot tea
chai tea = masala chai = spiced tea
- Green & White Tea
green tea = sencha = te verde
matcha = powdered green tea
white tea = silver needle
- Herbal Tea
chamomile tea = manzanilla = bedtime tea = sleepy infusion
peppermint tea = mint tea = digestive infusion
ginger tea = lemon ginger infusion
throat tea = sore throat infusion = slippery elm tea
rooibos = red bush tea
- Iced Tea | sizes=16.9 fl oz,64 fl oz,1 gal,12 fl oz 12 pk
iced tea = cold tea bottle = sweet tea
half and half tea lemonade = arnold palmer style
/ lemon, peach, raspberry, unsweetened, southern style
== Breakfast > Cereal | brands=breakfast | sizes=10 oz,12 oz,18 oz,24 oz | diets=ogwpnz | price=2.5-7
- Kids Cereal
marshmallow cereal = magic shapes cereal = lucky charm style
cocoa puffs cereal = chocolate cereal
fruity rings = fruit loop cereal = colorful hoops
cinnamon squares cereal = cinnamon toast cereal
frosted flakes = sugared corn flakes
- Adult & Fiber Cereal | x=1.5
toasted oat rings = oat o's = heart healthy oat cereal
corn flakes = plain flakes cereal
bran flakes = raisin bran = fiber cereal
shredded wheat = frosted wheat biscuits
wheat and flake cereal = protein cereal
crispy rice cereal = puffed rice
/ original, honey, strawberry, almond
- Granola & Muesli
granola = crunchy oat clusters
muesli = swiss cereal = bircher
/ vanilla almond, maple pecan, dark chocolate, peanut butter, coconut
- Oatmeal & Hot Cereal | x=1.5 | sizes=1.5 oz 8 pk,18 oz,24 oz,42 oz
rolled oats = old fashioned oats = porridge oats
instant oatmeal = quick oatmeal packets = hot cereal packets
steel cut oats = irish oats = pinhead oats
cream of wheat = farina
grits = hominy grits = corn porridge
overnight oats = cold oatmeal cup
/ original, maple & brown sugar, apples & cinnamon, strawberries & cream
== Breakfast > Pancakes & Pastries | brands=breakfast | sizes=14 oz,20 oz,32 oz,8 ct | diets=ogwpn | price=2.5-7
- Pancake & Waffle Mix
pancake mix = hotcake mix = flapjack mix
waffle mix = belgian waffle batter
protein pancake mix = power flapjacks
/ buttermilk, original, blueberry, whole wheat
- Toaster Pastries
toaster pastries = pop tart style = frosted breakfast tarts
toaster strudel = icing pastry
/ strawberry, brown sugar cinnamon, s'mores, blueberry, cherry
- Breakfast Drinks
breakfast shake = instant breakfast = morning nutrition drink
chocolate milk powder = cocoa drink powder
== Baking > Flour & Sugar | brands=baking | sizes=1 lb,2 lb,4 lb,5 lb | diets=ogmwk | price=2-11
- Flour | x=1.5
all purpose flour = plain flour = white flour
bread flour = strong flour
whole wheat flour = wholemeal flour = atta
almond flour = almond meal = ground almonds
gluten free flour blend = cup for cup flour
cornmeal = masa harina = corn flour
coconut flour = paleo flour
- Sugar | strict
granulated sugar = white sugar = cane sugar
brown sugar = light brown sugar = dark brown sugar
powdered sugar = confectioners sugar = icing sugar
- Sweeteners | sizes=40 ct,80 ct,8 oz,16 oz | diets=okm
stevia = stevia packets = leaf sweetener
monk fruit sweetener = lo han sweetener
erythritol = sugar substitute = zero calorie sweetener
allulose = rare sugar
== Baking > Baking Needs | brands=baking | sizes=4 oz,8 oz,12 oz,16 oz | diets=ogvnm | price=1-8
- Baking Soda & Yeast | strict
baking soda = bicarb = sodium bicarbonate
baking powder = rising powder
yeast = dry yeast = bread yeast
cornstarch = corn starch thickener = maizena
cocoa powder = baking cocoa
- Chocolate Chips & Morsels
chocolate chips = chocolate morsels = baking chips
white chips = white baking morsels
baking chocolate = unsweetened chocolate squares
peanut butter chips = butterscotch chips
/ semi sweet, milk, dark, mini
- Baking Mixes
cake mix = boxed cake = birthday cake mix
brownie mix = fudge brownie box
muffin mix = cornbread mix
cookie mix = bagged cookie mix
/ yellow, chocolate, vanilla, devil's food, funfetti style, blueberry
- Frosting & Decorations
frosting = icing = buttercream tub
sprinkles = jimmies = hundreds and thousands
cake candles = birthday candles
/ vanilla, chocolate, cream cheese, rainbow
- Canned Milk & Pie Filling | strict
evaporated milk = leche evaporada
condensed milk = sweetened condensed = lechera
pie filling = fruit filling = cherry filling
coconut flakes = shredded coconut
shortening = baking fat = crisco style
gelatin powder = jello mix = instant pudding mix
== Frozen > Frozen Meals | brands=frozen | sizes=8 oz,10 oz,22 oz,38 oz | diets=ogvspk | price=2.5-14
- Frozen Pizza | x=2
frozen pizza = oven pizza = freezer pizza
cauliflower crust pizza = low carb pizza
french bread pizza = pizza baguette
pizza rolls = pizza snacks = pizza bites
/ pepperoni, cheese, supreme, margherita, four cheese, bbq chicken
- Single Serve Entrees
frozen mac and cheese = macaroni bowl
frozen lasagna = frozen meat lasagna
chicken alfredo meal = frozen pasta dinner
rice bowl = frozen grain bowl = power bowl
pot pie = chicken pie
tv dinner = salisbury steak meal
- Burritos & Handhelds
frozen burritos = bean and cheese burrito
hot pocket style sandwich = stuffed sandwich
corn dogs = battered franks
taquitos = rolled tacos = flautas
empanadas = meat turnovers
/ bean & cheese, beef, chicken, steak, spicy
- Asian Frozen Meals
potstickers = dumplings = gyoza = mandu
egg rolls = spring rolls = lumpia
fried rice = frozen stir fry rice
orange chicken = general tso chicken
samosas = indian pastry
/ pork, chicken, vegetable, shrimp
== Frozen > Frozen Meat & Fish | brands=frozen+seafood | sizes=12 oz,24 oz,32 oz,48 oz | diets=gos | price=5-15
- Frozen Chicken
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
french fries = frites = frozen chips
tater tots = potato puffs = potato nuggets
hash browns = shredded potatoes = breakfast potatoes
sweet potato fries = orange fries
onion rings = battered onions
/ crinkle cut, shoestring, steak cut, seasoned, waffle
- Frozen Fruit
frozen strawberries = smoothie strawberries
frozen blueberries = wild frozen berries
frozen mango = mango chunks
smoothie mix = frozen fruit blend = acai packs
== Frozen > Frozen Breakfast & Bread | brands=frozen+breakfast | sizes=6 ct,8 ct,10 ct,24 ct | diets=ogwpn | price=2.5-12
- Frozen Waffles & Pancakes
frozen waffles = toaster waffles = eggo style
frozen pancakes = heat and eat pancakes
french toast sticks = frozen french toast
/ buttermilk, blueberry, chocolate chip, homestyle, cinnamon
- Breakfast Sandwiches
breakfast sandwich = sausage egg and cheese = morning muffin sandwich
breakfast burrito = egg wrap
egg bites = sous vide eggs = mini frittatas
/ sausage, bacon, turkey, ham
- Frozen Bread & Dough
frozen garlic bread = frozen texas toast
frozen rolls = frozen dough
puff pastry = phyllo = filo dough
== Frozen > Ice Cream & Desserts | brands=icecream | sizes=1 pt,28 oz,48 oz,1.5 qt | diets=olgzvk | price=3-9
- Ice Cream Tubs | x=2
ice cream = helado = premium ice cream
gelato = italian ice cream
frozen yogurt = froyo
non dairy frozen dessert = vegan ice cream
sherbet = sorbet = italian ice
/ vanilla, chocolate, strawberry, mint chip, cookies & cream, butter pecan, coffee, salted caramel
- Novelties | sizes=4 ct,6 ct,12 ct,24 ct
ice cream sandwiches = ice cream cookies
popsicles = ice pops = paletas = freezer pops
ice cream bars = chocolate dipped bars
ice cream cones = drumstick style cones
fruit bars = frozen fruit bars
/ vanilla, strawberry, chocolate, mango, cherry
- Frozen Desserts & Toppings
frozen pie = cream pie
frozen cheesecake = cheesecake bites
whipped topping = frozen whip tub
mochi ice cream = japanese ice cream balls
== Alcohol > Beer & Wine | brands=alcohol | sizes=750 ml,12 fl oz 6 pk,12 fl oz 12 pk,16 fl oz 4 pk | diets=ogz | price=6-25
- Beer
lager = light beer = cerveza
ipa = india pale ale = hoppy ale
stout = porter = dark beer
non alcoholic beer = alcohol free brew = near beer
hard seltzer = spiked sparkling water
hard cider = alcoholic apple cider
- Wine
cabernet = red wine = dry red
chardonnay = white wine
pinot noir = light red wine
sauvignon blanc = crisp white
rose wine = pink wine
sparkling wine = prosecco = champagne = bubbly
- Spirits & Mixers
margarita mix = marg mixer
bloody mary mix = tomato cocktail mixer
simple syrup = cocktail syrup = bitters
"""
