"""Brands by area, shop chains with their own labels, and stores. Every name is invented. Data only."""

AREAS = """
italian: Nonna Bruna, Casa Verolo, Tre Colline, Red Pepper Kitchen, Bellavia, Old Mulberry Street, Il Forno Blu,
  Garden Vine, Sapori Lane, Fattoria Due, Lucchese & Figli, Basil Row
pantry: Granary Hill, Silver Paddle, Prairie Sun, Lotus Moon, Old Mill Farms, Terra Kind, Delta Belle, Quick
  Harvest, Sunfold, Whole Acre
canned: Meadow Pride, Tin Rooster, Valley Crest, Harvest Bell, Cedar & Sage, Green Wagon, Aunt Tilda's, Kettle &
  Spoon, Redfield, Bright Acre, Simply Hearth
latin: La Abuelita Rosa, El Molino Viejo, Casa Tierra, Tres Soles, Rancho Perdido, Don Chayo, Mesa Linda, Verde y
  Rojo, Fuego Nuevo
asian: Jade Garden Road, Kaito, Golden Sampan, Bamboo Crane, Seoul Table, Lucky Carp, Thai Orchid House, Umi Bay,
  Spice of Punjab, Saffron Gate
condiment: Big Dipper, Hank & Sons, Copper Kettle, Tangy Tom, Dillwood, Smokestack Joe's, Sir Piquant, Little
  Barrel, Honest Jar, Blue Ribbon Pickle Co, Picnic Table
oil: Monte Chiaro, Oliva Real, Sunpress, Golden Grove, Casa del Olivo, Purely Pressed, Aegean Hill
spice: Amber Mill, Pepper & Rye, Spice Harbor, Frontera Roja, Hearthside, Ember Ridge, Saint Clove, Penny's Pantry
spread: Nutty Acre, Skipper's, Bramble & Bee, Hive & Clover, Orchard Jane, Maple Notch, Smooth Operator, Crunch
  Lane, Grandma Edie's
produce: Sunny Slope, Green Furrow, Dew Valley, Tierra Fresca, Morning Field, Riverbend Farms, Crisp & Co, Coastal
  Grown
nut: Acorn Trail, Salty Squirrel, Nutcracker Ranch, Sierra Handful, Date Palm Road, Big Sky Trails, Kernel Jack
meat: Stonebridge Ranch, Butcher's Oath, High Prairie, Smokehouse Nine, Heritage Pen, Blue Hen Farms, Rolling
  Pasture, Iron Skillet
seafood: Gull & Anchor, North Pier, Cape Wren, Captain Lowell, Tidewater, Silver Net, Ocean Larder
deli: Carver & Daughter, Main Street Deli, Slicewell, Bistro Lane, Olive & Thyme, Cucina Pronta, Fresh Counter,
  Gather Board
dairy: Cloverleaf Creamery, Bessie's Own, Alpine Pail, White Barn, Morning Pasture, Lakehouse Dairy, Creamfield,
  Nordra, Mount Parnes, Happy Herd
cheese: Wheel & Rind, Old Vermont Hollow, Caseificio Alba, Dairyland Gold, Green County, Burro Blanco, Sharp Corner,
  Alp & Vale
altdairy: Oatwell, Golden Oat, Almond Tree, Soyful, Coconut Bay, Nordic Oat Co, Plantly, Kind Carton, Silky Bean,
  Pure Grove, Barista Friend
veggie: Green Butcher, Meadow Patch, Beanstalk, No Cow Club, Sprout & Co, Protein Patch
bakery: Golden Crust, Baker Street Loaf, Miller's Wheel, Hearth & Grain, Sunday Oven, Wonder Field, Petit Matin,
  Dutch Door Bakery, Sweet Corner, Tortilleria Paz, Grain & Seed
snack: Crunch Street, Salty Dog Snacks, Kettle Cove, Big Bag, Zesty's, Golden Crackle, Munch Works, Popworthy,
  Cracker Barn, Snack Attic, Twist & Salt, Bright Bite
bar: Trailhead, Summit Fuel, Oaty's, Nut & Nothing, Daybreak Bar Co, Peak Form, Little Lunchbox, Fruit Ninjette
candy: Sugar Plum Lane, Cocoa Verde, Choco Loco, Wiggly's, Sweet Asylum, Maison Praline, Minty Fox, Candy Carriage,
  Puckerface
soda: Fizz Whiz, Rocket Pop Co, Blue Bottle Cap, Doc Ambrose, Cane & Cork, Bubblejack, Old Bear, Citrus Burst,
  Sparky's
water: Crystal Fjord, Deep Aquifer, La Bulle, Glacier Spring, Sparkle & Peel, Still Mountain, Bubble Up High
juice: Orchard Morning, Tropic Dawn, Cranberry Bog Co, Sunny Squeeze, Press House, Kiddo Juice, Garden Eight
sport: Volt Ox, Rehydra, Sprinter, Iron Cub, Adrenal, Muscle Barn, Pure Charge, Booch Bros
coffee: Harbor Roast, Black Kettle, Café Montura, Morning Bell, Dark Owl, Highland Bean, Sidewalk Espresso, Camino
  Tostado, Pod & Co
tea: Lady Wexford, Tea Lantern, Mountain Steep, Sleepy Fox, Ceylon Star, Herbal Hearth, Southern Porch
breakfast: Sunrise Mills, Cap'n Corky, Wheat Meadow, Golden Spoon, Flapjack Fred, Nature's Bowl, Highland Oats,
  Toasty Town, Barn Owl Granola
baking: Miller & Daughter, White Swan Flour, Sugar Mill, Clara's Kitchen, Sweet Measure, Monk & Leaf, Rise & Whisk
frozen: Frost Valley, Chef Antoine, Kitchen Express, Nonna Gelida, Arctic Garden, Bowl & Fork, Wok Express, Crispy
  Farm, Spud Brothers, Little Diner
icecream: Polar Scoop, Two Cows, Gelateria Stella, Frosty Jane, Creamery Lane, Coco Chill, Paleta Feliz
alcohol: Broken Anchor Brewing, Hop Scholar, Chateau Mirelle, Silver Cove Cellars, Viña Alta, Prairie Dog Lager,
  Orchard Press Cider, Barkeep's
clean: Brightwash, Sudsy, Eco Nest, Spotless, Fresh Acre, Gleam, Pure Tide Pool, Mighty Scrub, Lemon Grove Home
paper: Softcloud, Sturdy Oak, Bamboo Kind, Tuff Bag, Handi-Home, Wrap & Roll, Party Parade
beauty: Lily & Ash, Velvet Root, Dermaleaf, Clean Theory, Ocean Mist, Shea Story, Gentle Bear, Bright Smile Co,
  Mister Barber, Ladyfern
health: Wellspring, Nuvanta, Medi-Rite, Rest Easy Labs, Vital Grove, Doctor Hale's, Sunroot, ReliefMax, Immuna
baby: Little Acorn, Bunny Hug, Tiny Spoon, Mama Wren, Cuddle Moon, First Bites
pet: Good Boy Kitchen, Whisker & Paw, Wild Pack, Fetch Farms, Purrfect Bowl, Old Hound, Feather & Fur
"""

# chain | everyday label | value label | organic label | stores
CHAINS = """
Fairmont Market | Fairmont | Shopper's Choice | Fairmont Organics | Fairmont Downtown; Fairmont Hillside
Greenbasket | Greenbasket | Basic Basket | Simply Greenbasket | Greenbasket Elm Street; Greenbasket Lakeshore
SaveRite | SaveRite | Rite Value | Rite Organic | SaveRite Airport Road; SaveRite Eastgate; SaveRite Mill Creek
Northway Grocers | Northway | Penny Wise | Northway Naturals | Northway Central; Northway Parkside
Mercado Sol | Mercado Sol | Buen Precio | Sol Organico | Mercado Sol Mission; Mercado Sol Plaza
Harvest Lane | Harvest Lane | Everyday Lane | Harvest Lane Organic | Harvest Lane Old Town
"""
