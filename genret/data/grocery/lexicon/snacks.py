"""Snacks, sweets, breakfast and baking, as a table that `taxonomy` reads. Data only."""

TABLE = """
== Snacks > Chips & Crisps | brands=snack | sizes=1 oz,7.75 oz,10 oz,15 oz | diets=ogvsmk | price=1.5-6
- Potato Chips | x=2
~ chips = crisps = papas fritas bag
potato chips = crisps = crispy potato slices
kettle chips = kettle cooked potato crisps
ridged chips = wavy chips = ruffled crisps
/ original, barbecue, sour cream & onion, salt & vinegar, jalapeno, cheddar
- Tortilla Chips | x=1.5
~ dipping chips = nachos
tortilla chips = corn chips = nacho chips = totopos
flavored tortilla chips = cheesy corn triangles
/ white corn, blue corn, nacho cheese, lime, restaurant style, cool ranch
- Cheese Puffs & Curls
~ puffs = puffed snack
cheese puffs = cheese curls = cheesy puffs
veggie straws = vegetable sticks snack
/ crunchy, baked, white cheddar, flaming hot
- Veggie & Bean Chips
veggie chips = root vegetable crisps
lentil chips = bean chips
plantain chips = platanitos = mariquitas
kale chips = baked greens
/ sea salt, barbecue, garlic
- Pork Rinds & Meat Snacks | diets=ogsk
pork rinds = chicharrones = pork cracklings
beef jerky = dried beef = carne seca
meat sticks = snack sausages = beef sticks
turkey jerky = poultry jerky
/ original, teriyaki, peppered, hot, hickory
- Popcorn
~ popcorn = palomitas
microwave popcorn = movie butter popcorn bags
popped popcorn = ready to eat popcorn = bagged popcorn
popcorn kernels = popping corn
/ butter, kettle corn, white cheddar, sea salt, caramel
- Pretzels
~ pretzel
pretzels = pretzel twists = salted knots
filled pretzels = peanut butter pretzel nuggets
chocolate covered pretzels = yogurt pretzels
/ sticks, twists, thins, rods, honey wheat
- Rice Cakes & Crispbread
rice cakes = puffed grain cakes = rice crisps
crispbread = scandinavian crackers = rye crisps
/ lightly salted, caramel, cheddar, apple cinnamon
== Snacks > Crackers & Cookies | brands=snack | sizes=4 oz,8 oz,13 oz,20 oz | diets=ogwvns | price=2-6
- Crackers | x=1.5
~ crackers = galletas saladas
saltines = soda crackers = soup crackers
butter crackers = round crackers = party crackers
cheese crackers = cheddar squares = fish shaped crackers
graham crackers = s'mores crackers = honey grahams
wheat crackers = woven wheat thins
water crackers = cheese board crackers
/ original, sesame, rosemary, white cheddar
- Sandwich Crackers
peanut butter crackers = sandwich crackers = lunch crackers
cheese sandwich crackers = cracker snack packs
- Packaged Cookies | x=1.5
~ cookies = biscuits = galletas
sandwich cookies = creme filled chocolate cookies
chocolate chip cookies = choc chip biscuits
shortbread = butter cookies = scottish biscuits
vanilla wafers = banana pudding cookies
fig bars = fruit filled cookies
gingersnaps = ginger cookies = ginger biscuits
animal crackers = circus cookies
/ original, double stuffed, thin, mini, golden
- Wafers & Biscotti
biscotti = cantuccini = dunking cookies
sugar wafers = wafer rolls = pirouettes
/ almond, chocolate, vanilla
== Snacks > Bars & Fruit Snacks | brands=bar | sizes=1.4 oz,1.4 oz 6 pk,1.4 oz 12 pk,1.4 oz 24 pk | diets=ogvnkpz |
  price=1.2-16
- Granola Bars
~ snack bars = cereal snack bar
granola bars = oat bars = muesli bars
chewy bars = soft granola bars
breakfast bars = cereal bars = fruit and grain bars
/ oats & honey, chocolate chip, peanut butter, strawberry, apple cinnamon
- Protein Bars
~ energy bars = fitness bars
protein bars = workout bars = muscle bars
meal replacement bars = diet bars
collagen bars = keto bars = low sugar bars [k]
/ chocolate peanut butter, cookie dough, brownie, birthday cake, mint
- Fruit & Nut Bars
fruit and nut bars = date bars = raw bars
nut bars = sweet and salty bars
/ cashew, almond coconut, cherry pie, dark chocolate sea salt
- Fruit Snacks | sizes=0.8 oz 10 pk,0.8 oz 20 pk,0.8 oz 40 pk
~ fruit candy snack
fruit snacks = gummy fruit = chewy fruit pouches
fruit leather = fruit roll = fruit strips
freeze dried fruit = crunchy fruit = fruit crisps
/ mixed fruit, strawberry, tropical, berry
- Applesauce & Fruit Cups | sizes=3.2 oz 4 pk,3.2 oz 12 pk,4 oz 6 pk,24 oz
applesauce = apple puree = compote
applesauce pouches = squeezable fruit = pouch fruit
fruit cups = peaches in juice = diced fruit bowls
mandarin orange cups = canned mandarins
/ original, cinnamon, strawberry, mixed berry
== Snacks > Candy & Chocolate | brands=candy | sizes=1.5 oz,3.5 oz,8 oz,12 oz | diets=ogvnz | price=1.2-9
- Chocolate Bars | x=1.5
~ chocolate = chocolates
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
~ candy = sweets = gummies
gummy bears = gummi bears = jelly bears
sour gummies = sour worms = sour candy
licorice = liquorice twists = red vines
fruit chews = taffy = chewy squares
/ original, tropical, wild berry
- Hard Candy & Mints
~ candy = sweets
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
== Breakfast > Cereal | brands=breakfast | sizes=10 oz,12 oz,18 oz,24 oz | diets=ogwpnz | price=2.5-7
- Kids Cereal
~ cereal = sugary cereal = kids breakfast
marshmallow cereal = magic shapes cereal = charms and oats cereal
cocoa puffs cereal = chocolate cereal
fruity rings = fruity hoops cereal = rainbow hoops cereal
cinnamon squares cereal = cinnamon crunch cereal
frosted flakes = sugared corn flakes
- Adult & Fiber Cereal | x=1.5
~ cereal = healthy cereal
toasted oat rings = oat o's = heart healthy oat cereal
corn flakes = plain flakes cereal
bran flakes = raisin bran = fiber cereal
shredded wheat = frosted wheat biscuits
wheat and flake cereal = protein cereal
crispy rice cereal = puffed rice
/ original, honey, strawberry, almond
- Granola & Muesli
~ crunchy cereal = yogurt topping
granola = crunchy oat clusters
muesli = swiss cereal = bircher
/ vanilla almond, maple pecan, dark chocolate, peanut butter, coconut
- Oatmeal & Hot Cereal | x=1.5 | sizes=1.5 oz 8 pk,18 oz,24 oz,42 oz
~ oatmeal = porridge = avena
rolled oats = old fashioned oats = porridge oats
instant oatmeal = quick oatmeal packets = hot cereal packets
steel cut oats = irish oats = pinhead oats
cream of wheat = farina
grits = hominy grits = corn porridge
overnight oats = cold oatmeal cup
/ original, maple & brown sugar, apples & cinnamon, strawberries & cream
== Breakfast > Pancakes & Pastries | brands=breakfast | sizes=14 oz,20 oz,32 oz,8 ct | diets=ogwpn | price=2.5-7
- Pancake & Waffle Mix
~ pancake batter = breakfast mix
pancake mix = hotcake mix = flapjack mix
waffle mix = belgian waffle batter
protein pancake mix = power flapjacks
/ buttermilk, original, blueberry
- Toaster Pastries
toaster pastries = frosted breakfast tarts
toaster strudel = icing pastry
/ strawberry, brown sugar cinnamon, s'mores, blueberry, cherry
- Breakfast Drinks
breakfast shake = instant breakfast = morning nutrition drink
chocolate milk powder = cocoa drink powder
== Baking > Flour & Sugar | brands=baking | sizes=1 lb,2 lb,4 lb,5 lb | diets=ogmwk | price=2-11
- Flour | x=1.5
~ flour = harina
all purpose flour = plain flour = white flour
bread flour = strong flour
whole wheat flour = wholemeal flour = atta
almond flour = almond meal = ground almonds [gk]
gluten free flour blend = wheat free flour mix [g]
cornmeal = masa harina = corn flour
coconut flour = paleo flour [g]
- Sugar | strict
granulated sugar = white sugar = cane sugar
brown sugar = light brown sugar = dark brown sugar
powdered sugar = confectioners sugar = icing sugar
- Sweeteners | sizes=40 ct,80 ct,8 oz,16 oz | diets=okm
~ sweetener = fake sugar = sugar alternative
stevia = stevia packets = leaf sweetener [z]
monk fruit sweetener = lo han sweetener [z]
erythritol = sugar substitute = zero calorie sweetener [z]
allulose = rare sugar
== Baking > Baking Needs | brands=baking | sizes=4 oz,8 oz,12 oz,16 oz | diets=ogvnm | price=1-8
- Baking Soda & Yeast | strict
baking soda = bicarb = sodium bicarbonate
baking powder = rising powder
yeast = dry yeast = bread yeast
cornstarch = corn starch thickener = maizena
cocoa powder = baking cocoa
- Chocolate Chips & Morsels
~ baking morsels = chips for cookies
chocolate chips = chocolate morsels = baking chips
white chips = white baking morsels
baking chocolate = unsweetened chocolate squares
peanut butter chips = butterscotch chips
/ semi sweet, milk, dark, mini
- Baking Mixes
~ baking mix = box mix
cake mix = boxed cake = birthday cake mix
brownie mix = fudge brownie box
muffin mix = cornbread mix
cookie mix = bagged cookie mix
/ yellow, chocolate, vanilla, devil's food, funfetti style, blueberry
- Frosting & Decorations | strict
frosting = icing = buttercream tub
sprinkles = jimmies = hundreds and thousands
cake candles = birthday candles !
/ vanilla, chocolate, cream cheese, rainbow
- Canned Milk & Pie Filling | strict
evaporated milk = leche evaporada
condensed milk = sweetened condensed = lechera
pie filling = fruit filling = cherry filling
coconut flakes = shredded coconut
shortening = baking fat = vegetable fat
gelatin powder = jelly crystals = instant pudding mix
"""
