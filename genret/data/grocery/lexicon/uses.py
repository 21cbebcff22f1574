"""What products are bought for: use-case queries, baskets, and substitutes across leaves. Data only.

Use cases and substitutes name concepts by their first name; baskets name leaves.
"""

# how shoppers put it (= between variants) : the concepts that answer it
USES = """
taco night = taco tuesday dinner = mexican night = family fiesta dinner : taco shells, taco kit, taco seasoning
pasta night = easy italian dinner = weeknight spaghetti supper : bolognese sauce, vodka sauce, spaghetti
lasagna night = layered pasta bake : lasagna noodles, ricotta
lunchbox snack = school lunch snack = kids lunch box treats = something for the lunchbox : string cheese, fruit
  snacks, applesauce pouches
school lunch = back to school lunches = kids packed lunch : lunch kit, peanut butter crackers, cheese sandwich
  crackers
after school snack = kids afternoon snack : cheese crackers, graham crackers, fruit cups
road trip snacks = snacks for the car = travel munchies : beef jerky, trail mix
movie night snack = film night at home = netflix snacks : microwave popcorn, popped popcorn, candy coated chocolates
game day snacks = super bowl food = football party : chicken wings, buffalo sauce, queso dip
backyard cookout = summer bbq = grilling party = fourth of july grill : hamburger buns, beef patties, hot dogs
smores night = campfire dessert : marshmallows, graham crackers
birthday party = kids birthday supplies : birthday cake, cake candles, paper plates
thanksgiving sides = holiday dinner trimmings : stuffing mix, turkey gravy, canned pumpkin
thanksgiving dessert = autumn baking : canned pumpkin, pie crust, pumpkin pie
christmas baking = holiday cookies = cookie swap : sugar cookies, sprinkles, almond extract
easter basket fillers = easter sweets : easter eggs candy, milk chocolate bar
halloween night = trick or treaters = halloween handouts : halloween candy, lollipops
valentines gift = gift for my sweetheart : valentine chocolates, truffles
sore throat = scratchy throat relief = lost my voice : throat tea, cough drops
stuffy nose = blocked nose relief = congestion : nasal spray, cold and flu medicine
cant sleep = help falling asleep = insomnia = bedtime wind down : melatonin, chamomile tea, sleep aid tablets
upset stomach = tummy ache = nausea relief = settle my stomach : bismuth, ginger ale, ginger tea
acid reflux = heartburn after dinner = burning chest after eating : antacid
hay fever = pollen season = itchy eyes sneezing : cetirizine, loratadine, allergy nasal spray
sore muscles after gym = back ache = stiff neck : pain relief cream, naproxen
headache = migraine relief = head pounding : ibuprofen, acetaminophen, aspirin
hangover cure = morning after drinks = rehydrate fast : electrolyte powder, sports drink, coconut water
sick day = home with the flu = comfort food when ill : chicken noodle soup, bone broth
bad cough = cant stop coughing : cough syrup, cough drops
minor cuts = scraped knee = first aid for kids : adhesive bandages, antibiotic ointment
post workout = after gym recovery = muscle recovery drink : protein shake, protein powder
marathon fuel = energy for a long run = running hydration : electrolyte powder, energy shot
morning rush = breakfast on the go = eat in the car breakfast : breakfast sandwich, breakfast bars, breakfast burrito
lazy sunday brunch = weekend brunch = pancake breakfast : pancake mix, maple syrup, breakfast sausage
quick breakfast = five minute breakfast : instant oatmeal, frozen waffles, toaster pastries
meal prep = lunches for the week = batch cooking : food storage containers, rice bowl, quinoa
lazy dinner = nothing to cook tonight = too tired to cook : frozen pizza, rotisserie chicken, tv dinner
dorm food = college room meals = microwave only cooking : instant ramen, cup noodles, frozen burritos
charcuterie = cheese board = grazing table : brie, prosciutto, water crackers
wine night = girls night in : rose wine, brie, charcuterie tray
cocktail hour = make margaritas = happy hour at home : margarita mix, limes
gin and tonic = highball mixers : tonic water, club soda
sober october = dry january drink = party drink without alcohol : non alcoholic beer, ginger beer, craft soda
tailgate drinks = beach day beverages : hard seltzer, lager
stir fry tonight = wok dinner = takeout at home : stir fry sauce, stir fry vegetables
sushi at home = homemade maki : nori sheets, sushi rice, rice vinegar
curry night = indian takeaway at home : tikka masala sauce, basmati rice, naan
thai dinner = pad thai at home : rice noodles, fish sauce, red curry paste
ramen upgrade = noodle soup toppings : miso paste, bone broth
salad topping crunch = make salad less boring : croutons, salad topping, bacon bits
healthy dip = party dip for veggies : hummus, tzatziki
superbowl dip = chips and dip : guacamole, french onion dip, bean dip
avocado toast = brunch toast : avocados, sourdough, everything bagel seasoning
smoothies = morning smoothie ingredients = blend and go : smoothie mix, frozen strawberries, kefir
dairy intolerance coffee = milk for lattes without dairy = cafe style foam at home : barista oat milk, plant creamer
latte at home = coffee shop at home : espresso beans, espresso capsules
iced coffee weather = summer caffeine : cold brew, iced coffee bottle
study all night = stay awake drink = night shift boost : energy drink, energy shot
bread baking = homemade loaf = sourdough starter supplies : bread flour, yeast
cake baking = bake a birthday cake : cake mix, frosting, sprinkles
gluten free baking day = flourless baking : almond flour, gluten free flour blend
pie baking = bake a pie : pie crust, pie filling
deep frying = fry chicken at home = turkey fryer : peanut oil, vegetable oil
roast dinner = sunday roast = pot roast night : chuck roast, beef broth, carrots
chili night = big pot of chili : chili seasoning, kidney beans, ground beef
soup season = homemade soup base = make stock : chicken broth, bouillon cubes, celery
burrito bowl = chipotle style bowl : spanish rice, black beans, salsa verde
pizza at home = make your own pizza = friday pizza : pizza dough, pizza sauce, pepperoni
burger night = build a burger : beef patties, hamburger buns, american cheese
breakfast for dinner = eggs and bacon : large eggs, bacon
meatless monday = plant protein dinner = veggie main : tofu, plant based burger, tempeh
vegan bbq = meatless grilling : plant based burger, vegan sausage
low carb dinner swap = pasta swap for diet = replace rice : cauliflower rice, spaghetti squash
diabetic snack = blood sugar friendly snack : collagen bars, nut bars
weight loss lunch = light lunch : meal replacement bars, vegetable soup
high fiber breakfast = regularity breakfast : bran flakes, rolled oats
constipated = get things moving = digestion help : prunes, laxative, fiber supplement
gut health = good bacteria = microbiome : probiotics, kombucha, kefir
immune boost = flu season vitamins : vitamin c, zinc, elderberry
new baby = newborn essentials = hospital bag for baby : diapers, baby wipes, infant formula
teething baby = gum pain baby : teething wafers
potty training = toddler out of diapers : training pants
baby first foods = starting solids = six month old meals : infant cereal, baby food jars, baby food pouches
diaper rash = red baby bottom : diaper cream
new puppy = puppy starter = just adopted a dog : puppy food, dog pee pads
dog bad breath = canine dental : dog chews
smelly litter box = odor control for cats : cat litter, crystal litter
fleas on the dog = itchy dog : flea treatment
spring cleaning = deep clean the house : all purpose cleaner, floor cleaner, glass cleaner
red wine on carpet = carpet stain = pet accident on rug : carpet cleaner
grass stains = set in laundry stains = grease on shirt : stain remover
clogged sink = slow drain = hair in the drain : drain opener
greasy pans = burnt pots = scrub baking tray : dish soap, steel wool, sponges
moldy bathroom = black spots in shower = grout cleaning : mold remover, shower cleaner
fruit flies and ants = bugs in kitchen : ant bait, roach killer
mosquito season = camping bugs : bug spray
house smells = cooking odors = freshen the room : air freshener spray, scented candles
picnic = park lunch supplies = potluck : paper plates, potato salad, plastic cutlery
power cut = storm prep = emergency kit : aa batteries, spring water, canned chicken
camping food = backpacking meals = hiking lunch : tuna pouch, trail mix, ready to heat rice
beach day = day at the pool = sun protection : sunscreen, after sun gel
dry skin winter = cracked hands = eczema skin : hand cream, petroleum jelly, body lotion
flaky scalp = itchy head : dandruff shampoo
bad breath = morning breath : mouthwash, mints
stained teeth = white smile : toothpaste
sensitive teeth = cold drinks hurt my teeth : sensitive toothpaste
breakout = teen skin spots = blemishes : acne treatment, face wash
sweaty gym bag = all day freshness : deodorant, body spray
care package = exam week treats : chocolate chip cookies, hot chocolate mix
kids party bags = goodie bag fillers : lollipops, gummy bears, fruit chews
office breakroom = coffee for the office = meeting refreshments : coffee pods, ground coffee, bagels
cold winter drink = snow day warm up = cozy night mug : hot chocolate mix, chai tea
ice cream sundae bar = build your own sundae : ice cream, whipped cream, sprinkles
hot day treat = cool down dessert = pool party sweets : popsicles, ice cream sandwiches, fruit bars
"""

# probability weight | leaves of a basket, most likely first
BASKETS = """
6 | Spaghetti & Long Cuts, Marinara, Parmesan & Hard Cheese, Artisan Loaves, Salad Kits, Ground Beef
3 | Short Cuts, Alfredo & White Sauces, Chicken, Broccoli & Cauliflower, Parmesan & Hard Cheese
2 | Lasagna & Stuffing Pasta, Cottage Cheese & Ricotta, Meat & Bolognese Sauces, Mozzarella
2 | Fresh Pasta, Pesto, Parmesan & Hard Cheese, Wine
2 | Short Cuts, Vodka Sauces, Spicy Red Sauces, Sausages, Leafy Greens
5 | Taco Shells & Kits, Ground Beef, Packet Mixes, Salsa, Mexican Cheese, Tortilla Chips, Tropical Fruit
3 | Tortillas & Wraps, Refried Beans, Black Beans, Enchilada & Mole Sauces, Mexican Cheese, Citrus
5 | Dairy Milk, Eggs, Sandwich Bread, Butter & Margarine, Bananas & Plantains, Sliced Turkey & Chicken
3 | Oat Milk, Granola & Muesli, Berries, Non-Dairy Yogurt, Nuts
3 | Adult & Fiber Cereal, Almond Milk, Bananas & Plantains, Kids Cereal, Orange Juice
2 | Oatmeal & Hot Cereal, Berries, Syrups & Agave, Soy Milk, Seeds
4 | Pancake & Waffle Mix, Syrups & Agave, Bacon, Eggs, Orange Juice, Sausages
4 | Ground Coffee, Coffee Creamer, Sugar, Filters & Cocoa, Donuts
2 | Coffee Pods, Coffee Creamer, Muffins & Pastries
2 | Black Tea, Honey, Citrus, Packaged Cookies
4 | Ground Beef, Buns & Rolls, Sliced & Processed Cheese, Ketchup, Mustard, Pickles, Potato Chips, Cola
3 | Sausages, Buns & Rolls, Mustard, Sauerkraut & Beets, Baked Beans, Beer
3 | Frozen Pizza, Cola, Ice Cream Tubs, Chicken, Ranch Dressing
3 | Tortilla Chips, Salsa, Hummus & Dips, Sparkling Water, Beer, Canned Tomatoes
3 | Potato Chips, Deli Salads, Disposable Tableware, Lemon Lime & Citrus Soda, Cut Fruit
2 | Chicken, Soy & Stir Fry Sauces, White Rice, Peppers & Chiles, Broccoli & Cauliflower
2 | Asian Noodles, Soy & Stir Fry Sauces, Shellfish, Beans Corn & Peas, Fresh Herbs
2 | Curry & Coconut Milk, White Rice, Chickpeas, Pita & Flatbread, Leafy Greens, Indian Foods
2 | Seaweed & Sushi, White Rice, Fish Fillets, Tropical Fruit
3 | Chicken Soup, Crackers, Cold & Flu, Herbal Tea, Facial Tissue
2 | Tomato Soup, Sliced & Processed Cheese, Sandwich Bread, Butter & Margarine
3 | Flour, Sugar, Baking Soda & Yeast, Butter & Margarine, Eggs, Chocolate Chips & Morsels, Extracts & Flavorings
2 | Baking Mixes, Frosting & Decorations, Eggs, Cooking Oil, Cakes & Cupcakes
3 | Leafy Greens, Tomatoes, Squash & Eggplant, Vinaigrettes, Croutons & Toppings, Ranch Dressing
2 | Steaks, Potatoes, Mushrooms, Wine, Butter & Margarine, Beans Corn & Peas
2 | Roasts & Stew Meat, Carrots & Roots, Potatoes, Onions & Garlic, Broth & Stock, Celery & Fennel
2 | Turkey & Duck, Breadcrumbs & Stuffing, Gravy, Canned Pumpkin & Yams, Potatoes, Pies
2 | Soft & Specialty Cheese, Salami & Charcuterie, Crackers, Olives & Peppers, Wine, Grapes & Cherries
3 | Peanut Butter, Jam & Preserves, Sandwich Bread, Apples & Pears, Lunch Kits
3 | Lunch Kits, Fruit Snacks, Kids Yogurt & Pouches, Lemonade & Kids Drinks, Applesauce & Fruit Cups, Granola Bars
2 | Chili Beans & Chili, Kidney & Red Beans, Ground Beef, Canned Tomatoes, Packet Mixes, Cheddar
2 | Plant Burgers & Sausages, Buns & Rolls, Vegan Cheese & Spreads, Leafy Greens, Oat Milk
2 | Protein Bars, Protein Shakes, Sports Drinks, Greek Yogurt, Nuts
2 | Canned Tuna, Mayonnaise, Sandwich Bread, Celery & Fennel, Pickles
4 | Toilet Paper, Paper Towels, Trash Bags, Dish Soap, Laundry Detergent
2 | Surface Cleaners, Sponges & Scrubbers, Bathroom Cleaners, Floor Care, Air Care
2 | Laundry Detergent, Fabric Softener & Dryer Sheets, Stain Removers & Bleach
2 | Shampoo, Conditioner & Treatments, Body Wash & Soap, Deodorant, Toothpaste, Mouthwash
3 | Diapers, Baby Wipes, Baby Food, Baby Formula, Toddler Snacks, Baby Bath & Skin
2 | Dry Dog Food, Dog Treats, Wet Dog Food, Dog Supplies
2 | Wet Cat Food, Dry Cat Food, Cat Litter, Cat Treats
1 | Chocolate Bars, Wine, Ice Cream Tubs
1 | Bagels & English Muffins, Soft & Specialty Cheese, Smoked & Imitation Fish, Onions & Garlic
1 | Hard Candy & Mints, Crackers, Chocolate Bars
2 | Ice Cream Tubs, Novelties, Frosting & Decorations, Bananas & Plantains
1 | Ginger Ale & Mixers, Citrus, Spirits & Mixers, Olives & Peppers
"""

# concepts that shoppers take in place of each other though they stand in different leaves
SWAPS = """
oat milk, almond milk, soy milk, coconut milk beverage, cashew milk, pea milk
2% milk, oat milk
2% milk, almond milk
marinara sauce, arrabbiata sauce, tomato sauce, crushed tomatoes
marinara sauce, pizza sauce
alfredo sauce, vodka sauce
spaghetti, red lentil pasta, edamame pasta
penne, chickpea pasta
butter, vegan butter
mozzarella, vegan cheese
cream cheese, cashew cream cheese
greek yogurt, coconut yogurt, plain yogurt tub
sour cream, plain yogurt tub
ground beef, ground turkey, meatless crumbles
beef patties, plant based burger, frozen burgers
hot dogs, veggie dogs
chicken nuggets, vegan nuggets
bacon, turkey bacon
chickpeas, dried chickpeas
black beans, dried black beans
black beans, refried beans
canned peas, frozen peas
canned corn, frozen corn
canned green beans, green beans
broccoli, frozen broccoli
riced cauliflower, cauliflower rice
strawberries, frozen strawberries
blueberries, frozen blueberries
soy sauce, tamari, coconut aminos
maple syrup, pancake syrup
honey, agave
peanut butter, almond butter, sunflower seed butter
cola, root beer
lemon lime soda, sparkling water
club soda, sparkling water
coffee pods, ground coffee
ice cream, non dairy frozen dessert, frozen yogurt
salmon fillet, frozen salmon fillets
shrimp, frozen raw shrimp
hummus, bean dip
salsa, salsa verde
flour tortillas, taco shells
garlic bread, frozen garlic bread
granulated sugar, stevia, monk fruit sweetener
vegetable broth, bouillon cubes
laundry pods, liquid laundry detergent
paper towels, napkins
chocolate chip cookies, chocolate chip cookies fresh
potato chips, kettle chips, veggie chips
scallions, yellow onions
sandwich bags, freezer bags
granola bars, fruit and nut bars
body wash, bar soap
vegetable broth, chicken broth
protein bars, protein shake
half and half, coffee creamer, plant creamer
"""
