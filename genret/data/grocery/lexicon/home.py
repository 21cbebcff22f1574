"""Household, paper, personal care, health, baby and pets, as a table that `taxonomy` reads. Data only."""

TABLE = """
== Household > Laundry | brands=clean | sizes=37 fl oz,50 fl oz,92 fl oz,150 fl oz | diets=xae | price=4-22
- Laundry Detergent | x=1.5
~ detergent = laundry = jabon para ropa
liquid laundry detergent = laundry soap = washing liquid = clothes wash
powder detergent = washing powder
/ fresh linen, lavender, mountain spring, sensitive, with oxygen boost
- Laundry Pods | sizes=16 ct,31 ct,42 ct,81 ct
~ detergent = laundry
laundry pods = detergent pacs = washing capsules
laundry sheets = detergent strips
/ original, spring meadow, cold water
- Fabric Softener & Dryer Sheets
fabric softener = fabric conditioner = suavizante
dryer sheets = tumble dryer wipes
scent beads = laundry booster crystals
/ lavender, april fresh, clean breeze
- Stain Removers & Bleach | strict
stain remover = spot treatment spray
bleach = chlorine whitener = blanqueador
color safe bleach = oxygen whitener
== Household > Dish Care | brands=clean | sizes=12 fl oz,19 fl oz,38 fl oz,75 fl oz | diets=xe | price=2.5-20
- Dish Soap
dish soap = washing up liquid = dishwashing liquid = lavaplatos
dish spray = power dish foam
/ original, lemon, apple, green tea
- Dishwasher Detergent | sizes=20 ct,43 ct,62 ct,90 ct
~ dishwasher soap = dishwasher detergent
dishwasher pods = dishwasher tabs = dish pacs
dishwasher gel = automatic dish detergent
rinse aid = dish dryer
- Sponges & Scrubbers | sizes=3 ct,6 ct,9 ct | strict
sponges = scrub sponges = scouring pads
steel wool = soap pads
dish brush = bottle brush
== Household > Cleaning | brands=clean | sizes=16 fl oz,24 fl oz,32 fl oz,1 gal | diets=xe | price=2.5-12
- Surface Cleaners | x=1.5
~ cleaner = cleaning spray = household cleaner
all purpose cleaner = multi surface spray = kitchen spray
disinfecting wipes = sanitizing wipes = antibacterial wipes
glass cleaner = window spray
granite cleaner = stone spray
/ lemon, lavender, fresh scent, orange
- Bathroom Cleaners
~ bathroom cleaner = restroom cleaner
toilet bowl cleaner = toilet gel
shower cleaner = tub and tile spray = soap scum remover
drain opener = clog remover
mold remover = mildew spray
- Floor Care | strict
floor cleaner = mopping solution
wet mop pads = mop refills = dust mop pads
carpet cleaner = rug shampoo
wood polish = furniture polish
- Air Care
~ air freshener = room scent
air freshener spray = room spray = odor eliminator
scented candles = jar candle
plug in refills = scented oil refill
/ lavender, vanilla, linen, ocean
- Pest Control | strict
ant bait = ant traps
bug spray = insect repellent = mosquito repellent
roach killer = insect killer spray
mouse traps = rodent bait
== Household > Kitchen Supplies | brands=paper | sizes=20 ct,40 ct,75 ct,150 ct | diets=e | price=2-14
- Trash Bags
~ bags for trash = refuse sacks
trash bags = garbage bags = bin liners = rubbish bags
kitchen bags = tall drawstring bags
compost bags = compostable liners
- Food Storage Bags
sandwich bags = zipper baggies
freezer bags = gallon zip bags
food storage containers = meal prep boxes = leftover boxes
- Foil & Wrap | strict | sizes=50 sq ft,75 sq ft,200 sq ft
aluminum foil = tin foil
plastic wrap = cling film = food film
parchment paper = baking paper
wax paper = deli paper
- Disposable Tableware | strict
paper plates = disposable plates = party plates
plastic cups = red party cups
plastic cutlery = forks and spoons set = utensils
napkins = serviettes
straws = paper straws
- Batteries & Bulbs | strict | sizes=2 ct,4 ct,8 ct,16 ct
aa batteries = double a cells
aaa batteries = triple a cells
light bulbs = led lamps
lighters and matches = fire starters = firelogs
== Household > Paper Goods | brands=paper | sizes=4 ct,6 ct,12 ct,24 ct | diets=xe | price=3-25
- Toilet Paper
~ bathroom tissue
toilet paper = bath tissue = loo roll = tp
flushable wipes = wet toilet wipes
/ ultra soft, ultra strong, septic safe, bamboo
- Paper Towels
~ kitchen towels
paper towels = kitchen roll = select a size towels
shop towels = heavy duty blue towels
- Facial Tissue
facial tissue = nose tissues = hankies
pocket tissues = travel tissue packs
/ with lotion, soft, cube
== Personal Care > Hair Care | brands=beauty | sizes=8 fl oz,12 fl oz,20 fl oz,28 fl oz | diets=xocv | price=3-12
- Shampoo
~ hair cleanser
shampoo = hair wash = champu
dandruff shampoo = scalp care shampoo = flake control
dry shampoo = waterless hair cleanser
/ moisturizing, volumizing, color safe, coconut, kids
- Conditioner & Treatments
conditioner = hair rinse = acondicionador
hair mask = deep conditioner
leave in conditioner = detangler spray
/ moisturizing, repair, argan oil, curl
- Styling
hair gel = styling gel
hair spray = finishing spray
hair mousse = volume foam
- Hair Color | strict
hair dye = permanent hair color = root touch up
== Personal Care > Bath & Body | brands=beauty | sizes=4 ct,8 fl oz,18 fl oz,33 fl oz | diets=xocva | price=2.5-12
- Body Wash & Soap | x=1.5 | strict
~ soap = body cleanser
body wash = shower gel = liquid bath soap
bar soap = soap bars = jabon
hand soap = liquid hand wash
bubble bath = bath foam = epsom salt soak
hand sanitizer = alcohol gel
/ shea butter, cucumber, lavender, coconut
- Lotion
~ skin cream = lotion
body lotion = moisturizer = crema corporal
hand cream = cracked hand balm
petroleum jelly = healing ointment
/ cocoa butter, oatmeal, aloe
- Deodorant | sizes=1.7 oz,2.6 oz,2.6 oz 2 pk
~ underarm protection
deodorant = antiperspirant = underarm stick
natural deodorant = aluminum free deodorant
body spray = body mist
/ fresh, powder, sport, coconut
- Sun Care | strict
~ sun protection lotion
sunscreen = sunblock = spf lotion
after sun gel = aloe vera gel
lip balm = lip moisturizer
/ spf 30, spf 50, sport, kids
- Shaving | strict
razors = disposable shavers
razor blades = cartridge refills
shaving cream = shave gel
- Skin & Face Care | strict
~ skincare = face care
face wash = facial cleanser
face moisturizer = day cream = anti aging cream
makeup remover wipes = cleansing towelettes
acne treatment = pimple patches
micellar water = toner
- Cotton & Nail | strict | sizes=100 ct,200 ct,300 ct
cotton swabs = ear swabs
cotton rounds = cotton balls
nail polish remover = acetone
== Personal Care > Oral Care | brands=beauty | sizes=3 oz,4.8 oz,1 ct,4 ct | diets=zv | price=2-12
- Toothpaste
~ dentifrice
toothpaste = dental paste = pasta de dientes
sensitive toothpaste = enamel repair paste
kids toothpaste = children's tooth gel
/ mint, whitening, charcoal, cinnamon, bubblegum
- Toothbrushes & Floss | strict
toothbrush = soft bristle brush = cepillo
dental floss = floss picks = interdental picks
electric toothbrush heads = brush refills
- Mouthwash | sizes=16 fl oz,33 fl oz,50 fl oz
mouthwash = oral rinse = antiseptic rinse
/ mint, alcohol free, whitening, kids
- Denture Care | strict
denture cleanser = denture tablets
denture adhesive = denture cream
== Personal Care > Feminine & Adult Care | brands=beauty | sizes=18 ct,28 ct,36 ct,64 ct | diets=xoa | price=4-18
- Period Care
~ feminine hygiene = menstrual products
pads = sanitary napkins = maxi pads
tampons = tampones
panty liners = daily liners
/ regular, super, overnight, light
- Adult Incontinence
bladder pads = incontinence liners
adult briefs = protective underwear
== Health > Medicine | brands=health | sizes=24 ct,50 ct,100 ct,200 ct | diets=yz | price=4-20
- Pain Relief
~ painkillers = pain killers = pain reliever
ibuprofen = nsaid tablets = headache relief pills
acetaminophen = paracetamol = fever reducer
aspirin = low dose heart tablets
naproxen = all day pain relief
pain relief cream = muscle rub = joint ointment
/ caplets, gelcaps, liquid, extra strength
- Cold & Flu | strict
~ cold medicine = flu medicine
cold and flu medicine = daytime cold relief = severe cold caplets
nighttime cold medicine = pm cold syrup
cough syrup = cough suppressant
cough drops = throat lozenges
nasal spray = decongestant
/ cherry, honey lemon, menthol, berry
- Allergy
~ allergy medicine = allergy relief
cetirizine = allergy tablets = antihistamine
loratadine = non drowsy hay fever pills
allergy nasal spray = fluticasone spray
- Digestive Health | strict
~ stomach medicine = digestive aid
antacid = heartburn tablets = stomach acid chews
laxative = constipation relief = fiber laxative
anti diarrheal = loperamide
fiber supplement = psyllium husk powder
bismuth = upset stomach liquid = pink stomach medicine
/ peppermint, berry, tropical, original
- Sleep Aids
melatonin = sleep gummies
sleep aid tablets = diphenhydramine pm
== Health > Vitamins & Supplements | brands=health | sizes=30 ct,60 ct,120 ct,250 ct | diets=ovgzm | price=6-30
- Multivitamins | x=1.3
~ vitamins = vitamin supplement
multivitamin = daily vitamins = all in one vitamin
prenatal vitamins = pregnancy vitamins
kids vitamins = children's gummy vitamins
/ men's, women's, 50+, gummies
- Single Vitamins | strict
vitamin c = ascorbic acid = immune support
vitamin d3 = sunshine vitamin
vitamin b12 = cobalamin = energy vitamin
magnesium = magnesium citrate
zinc = zinc tablets
iron = ferrous sulfate
- Omega & Wellness | strict
fish oil = omega 3 softgels
probiotics = gut flora capsules
collagen powder = collagen peptides
apple cider vinegar gummies = acv gummies
elderberry = sambucus syrup
== Health > First Aid | brands=health | sizes=1 ct,20 ct,60 ct,100 ct | diets=a | price=2.5-14
- Bandages & Antiseptics | strict
adhesive bandages = sticky strips = plasters
gauze = wound dressing
rubbing alcohol = isopropyl alcohol
hydrogen peroxide = wound cleaner
antibiotic ointment = triple antibiotic
- Eye & Foot Care | strict
eye drops = artificial tears
contact lens solution = lens cleaner
foot cream = corn pads = insoles
- Thermometers & Tests | strict
thermometer = fever thermometer
covid test = home test kit
pregnancy test = early result test
== Baby > Baby Food & Formula | brands=baby | sizes=4 oz,3.5 oz 6 pk,12.5 oz,30 oz | diets=onglm | price=1.3-34
- Baby Formula
~ formula = infant milk
infant formula = baby milk powder = newborn formula
toddler formula = follow on milk
sensitive formula = gentle formula = hypoallergenic infant milk
- Baby Food
~ baby food = infant food
baby food pouches = puree pouches = squeeze pouch baby
baby food jars = stage 2 puree
infant cereal = baby rice cereal
/ apple, banana, pear & spinach, sweet potato, mango
- Toddler Snacks
~ baby snacks
baby puffs = dissolvable puffs = melt snacks
teething wafers = teething biscuits
yogurt melts = freeze dried yogurt drops
/ strawberry, banana, veggie
== Baby > Diapers & Baby Care | brands=baby | sizes=24 ct,56 ct,84 ct,164 ct | diets=xae | price=4-45
- Diapers | x=1.5
~ baby diapers
diapers = nappies = panales
training pants = pull ups = potty training underwear
swim diapers = water nappies
/ newborn, size 1, size 2, size 3, size 4, size 5, overnight
- Baby Wipes
baby wipes = diaper wipes = toallitas
/ sensitive, aloe, cucumber
- Baby Bath & Skin | strict
baby shampoo = tear free wash
baby lotion = infant moisturizer
diaper cream = rash ointment = zinc oxide paste
- Bottles & Pacifiers | strict | sizes=1 ct,2 ct,3 ct
baby bottles = feeding bottles = biberones
pacifiers = soothers = dummies
sippy cups = toddler cup
== Pets > Dogs | brands=pet | sizes=5 lb,15 lb,30 lb,13 oz 12 pk | diets=ogpm | price=2-60
- Dry Dog Food
~ dog food = food for dogs
dry dog food = kibble = dog chow
puppy food = puppy kibble
/ chicken & rice, beef, lamb, salmon, small breed, senior
- Wet Dog Food
~ dog food = food for dogs
wet dog food = canned dog food = dog stew
/ beef, chicken, turkey, variety pack
- Dog Treats | sizes=6 oz,12 oz,25 oz,48 oz
~ dog snacks = puppy treats
dog biscuits = dog cookies = training treats
dog chews = dental sticks = rawhide bones
/ bacon, peanut butter, chicken, mint
- Dog Supplies | strict
dog pee pads = puppy training pads
poop bags = dog waste bags
flea treatment = flea and tick drops
== Pets > Cats | brands=pet | sizes=3.5 lb,7 lb,16 lb,3 oz 24 pk | diets=ogpm | price=2-40
- Dry Cat Food
~ cat food = food for cats
dry cat food = cat kibble = feline crunchies
kitten food = kitten kibble
/ chicken, salmon, indoor, ocean fish, hairball
- Wet Cat Food
~ cat food = food for cats
wet cat food = canned cat food = cat pate
/ tuna, chicken, whitefish, variety pack
- Cat Litter | sizes=10 lb,20 lb,35 lb | diets=xe
~ litter box filler
cat litter = kitty litter = clumping litter
crystal litter = silica litter = low tracking litter
/ multi cat, lightweight, natural
- Cat Treats | strict
cat treats = kitty snacks = crunchy cat bites
catnip = cat toy !
== Pets > Other Pets | brands=pet | sizes=3 lb,5 lb,10 lb | diets=m | price=3-20
- Birds & Small Animals | strict
bird seed = wild bird food
fish flakes = aquarium food
hamster food = rabbit pellets
bedding shavings = small animal litter
"""
