"""A grocer: what it sells and who shops there, as text; see `endcap.simulator.themes`."""

from __future__ import annotations

TYPES = """
Dairy & Eggs > Yoghurt > Greek Yoghurt | 2.4 | 9 | - | Plain,Vanilla,Honey,Blueberry | 150 g,500 g,4 × 125 g
Dairy & Eggs > Yoghurt > Drinking Yoghurt | 1.8 | 10 | - | Strawberry,Mango,Peach,Forest Fruit | 250 ml,750 ml
Dairy & Eggs > Milk > Fresh Milk | 1.3 | 5 | - | Whole,Semi-Skimmed,Skimmed | 500 ml,1 l,2 l
Dairy & Eggs > Milk > Oat Drink | 2.1 | 7 | - | Original,Barista,Unsweetened,Chocolate | 1 l
Dairy & Eggs > Cheese > Cheddar | 4.2 | 14 | - | Mild,Mature,Extra Mature,Smoked | 200 g,400 g
Dairy & Eggs > Cheese > Mozzarella | 1.9 | 12 | Jul+0.3 | Ball,Pearls,Grated | 125 g,250 g
Dairy & Eggs > Eggs > Free-Range Eggs | 3.1 | 8 | Apr+0.3 | Medium,Large,Mixed | 6 pack,10 pack,12 pack
Bakery > Bread > Sourdough Loaf | 3.4 | 5 | - | White,Rye,Seeded,Olive | 400 g,800 g
Bakery > Bread > Sandwich Bread | 1.7 | 6 | - | White,Wholemeal,Oat,Brioche | 400 g,800 g
Bakery > Pastry > Croissants | 2.9 | 10 | - | Butter,Almond,Chocolate | 2 pack,4 pack
Bakery > Pastry > Muffins | 3.2 | 15 | - | Blueberry,Double Chocolate,Lemon | 2 pack,4 pack
Bakery > Cakes > Celebration Cake | 14.5 | 0 | Dec+0.4 | Chocolate,Carrot,Red Velvet,Lemon | 800 g,1.2 kg
Fruit & Vegetables > Fruit > Bananas | 1.4 | 5 | - | Loose,Small,Fairly Ripe | 5 pack,1 kg
Fruit & Vegetables > Fruit > Berries | 3.3 | 9 | Jun+0.8 | Strawberries,Raspberries,Blueberries | 150 g,250 g,400 g
Fruit & Vegetables > Fruit > Apples | 2.5 | 9 | Oct+0.5 | Gala,Braeburn,Pink Lady,Granny Smith | 6 pack,1 kg
Fruit & Vegetables > Vegetables > Tomatoes | 2.2 | 8 | Jul+0.4 | Cherry,Vine,Plum | 250 g,500 g
Fruit & Vegetables > Vegetables > Roots | 1.6 | 12 | Nov+0.5 | Carrots,Potatoes,Parsnips,Beetroot | 500 g,1 kg,2 kg
Fruit & Vegetables > Salad > Salad Leaves | 1.8 | 7 | Jul+0.6 | Rocket,Baby Spinach,Crispy Mix | 80 g,120 g,200 g
Meat & Fish > Poultry > Chicken Breast | 6.4 | 10 | - | Fillets,Diced,Mini | 300 g,600 g,1 kg
Meat & Fish > Meat > Minced Beef | 5.2 | 12 | - | 5% Fat,12% Fat,20% Fat | 250 g,500 g
Meat & Fish > Meat > Barbecue Sausages | 4.6 | 18 | Jul+1.0 | Pork,Chicken,Chorizo,Herb | 6 pack,8 pack
Meat & Fish > Fish > Salmon Fillets | 8.9 | 14 | - | Scottish,Smoked,Lemon & Dill | 240 g,480 g
Cupboard > Pasta & Rice > Pasta | 1.5 | 20 | - | Penne,Spaghetti,Fusilli,Linguine | 500 g,1 kg
Cupboard > Pasta & Rice > Rice | 2.6 | 30 | - | Basmati,Jasmine,Brown,Risotto | 500 g,1 kg,2 kg
Cupboard > Sauces > Pasta Sauce | 2.3 | 18 | - | Tomato & Basil,Arrabbiata,Pesto,Four Cheese | 190 g,350 g
Cupboard > Breakfast > Muesli | 3.9 | 21 | - | Fruit & Nut,Swiss Style,Berry,Coconut | 500 g,750 g,1 kg
Cupboard > Breakfast > Honey & Spreads | 4.4 | 40 | - | Clear Honey,Peanut Butter,Hazelnut Spread | 250 g,340 g
Snacks > Chocolate > Chocolate Bar | 2.2 | 12 | Dec+0.6 | Milk,Dark 70%,Hazelnut,Sea Salt | 100 g,180 g
Snacks > Crisps > Crisps | 2.0 | 9 | - | Sea Salt,Cheese & Onion,Paprika,Vinegar | 150 g,6 × 25 g
Snacks > Nuts > Mixed Nuts | 4.8 | 25 | Dec+0.5 | Roasted,Salted,Unsalted,Honey | 150 g,300 g
Drinks > Coffee > Ground Coffee | 6.2 | 16 | Jan+0.2 | Dark Roast,Medium Roast,Espresso,Decaf | 227 g,500 g
Drinks > Coffee > Coffee Capsules | 4.9 | 14 | - | Lungo,Ristretto,Intenso,Decaf | 10 pack,30 pack
Drinks > Tea > Black Tea | 3.3 | 30 | Dec+0.3 | Breakfast,Earl Grey,Assam | 40 bags,80 bags
Drinks > Soft Drinks > Sparkling Water | 1.2 | 8 | Jul+0.6 | Plain,Lime,Grapefruit | 1.5 l,6 × 330 ml
Drinks > Wine > Red Wine | 9.4 | 15 | Dec+0.4 | Merlot,Rioja,Shiraz,Malbec | 75 cl
Household > Cleaning > Laundry Detergent | 8.7 | 35 | - | Bio,Non-Bio,Colour,Sensitive | 24 washes,48 washes
Household > Cleaning > Washing-Up Liquid | 1.6 | 30 | - | Lemon,Original,Aloe | 500 ml,900 ml
Household > Paper > Toilet Tissue | 5.5 | 20 | - | Soft,Quilted,Recycled | 9 rolls,16 rolls
Baby & Pets > Baby > Nappies | 9.9 | 12 | - | Size 2,Size 3,Size 4,Size 5 | 40 pack,72 pack
Baby & Pets > Pets > Cat Food | 5.8 | 9 | - | Chicken,Tuna,Salmon,Kitten | 12 × 85 g,2 kg
"""

STYLES = """
organic | Organic,Bio | 1.35
everyday | Everyday,Value | 0.75
finest | Finest,Reserve | 1.6
plant | Plant-Based,Vegan | 1.15
protein | High-Protein,Fit | 1.2
family | Family,Sharing | 1.05
local | Farmhouse,Local | 1.25
light | Light,Reduced-Sugar | 1.05
"""

BRANDS = (
    "Meadowbrook,Hollin Farm,Golden Acre,Brightside,Oakridge,Casa Lucia,Northwind,Little Orchard,Sunfield,"
    "Harbour & Co,Millstone,Fernley,Blue Kettle,Tavola,Pure Pantry,Greenhaven,Rosewick,Copper Pot,Daily Good,"
    "Wildgrain"
)

PERSONAS = """
young family | Baby & Pets:3,Dairy & Eggs:1.6,Household:1.4 | 27-44 | .62 | 1.2 | -.15 | family,everyday | evening | 1.5
health seeker | Fruit & Vegetables:2.2,Dairy & Eggs:1.3 | 22-45 | .58 | .6 | .2 | organic,protein | morning | 1.1
bargain hunter | Cupboard:1.5,Household:1.5,Snacks:1.3 | 20-70 | .5 | 2.0 | -.4 | everyday,family | lunch | 1.0
gourmet | Meat & Fish:2,Drinks:1.6,Bakery:1.3 | 35-65 | .45 | .3 | .4 | finest,local | evening | .8
plant based | Fruit & Vegetables:2,Cupboard:1.5,Snacks:1.2 | 18-40 | .64 | .7 | .1 | plant,organic | evening | .9
senior couple | Bakery:1.7,Dairy & Eggs:1.4,Drinks:1.3 | 58-84 | .52 | 1.1 | 0 | local,light | morning | .9
"""
