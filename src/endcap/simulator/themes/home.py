"""A home and garden shop: what it sells and who shops there, as text; see `endcap.simulator.themes`."""

from __future__ import annotations

TYPES = """
Living Room > Sofas > Three-Seat Sofa | 799 | 0 | Jan+0.4 | Grey,Navy,Mustard,Beige | 3 seats
Living Room > Sofas > Armchair | 349 | 0 | Jan+0.3 | Green Velvet,Grey,Tan Leather | 1 seat
Living Room > Tables > Coffee Table | 189 | 0 | - | Oak,Walnut,Black Metal,Marble | 80 cm,110 cm
Living Room > Tables > Side Table | 79 | 0 | - | Oak,White,Brass | 45 cm
Living Room > Storage > Bookcase | 159 | 0 | Sep+0.3 | Oak,White,Walnut | 80 × 180 cm,120 × 180 cm
Living Room > Textiles > Cushion | 24 | 0 | Oct+0.4 | Linen,Velvet,Striped,Bouclé | 45 × 45 cm,50 × 50 cm
Living Room > Textiles > Throw | 39 | 0 | Nov+0.9 | Wool,Cotton,Faux Fur | 130 × 170 cm
Living Room > Textiles > Rug | 169 | 0 | - | Jute,Wool,Berber,Patterned | 120 × 170 cm,160 × 230 cm
Bedroom > Beds > Bed Frame | 399 | 0 | Jan+0.4 | Oak,Upholstered,White | 140 cm,160 cm,180 cm
Bedroom > Beds > Mattress | 449 | 0 | Jan+0.5 | Medium,Firm,Soft | 140 cm,160 cm,180 cm
Bedroom > Bedding > Duvet Cover Set | 59 | 0 | - | White,Blue Stripe,Sage,Floral | single,double,king
Bedroom > Bedding > Pillow | 29 | 400 | - | Down,Memory Foam,Side Sleeper | 50 × 75 cm
Bedroom > Bedding > Fitted Sheet | 25 | 0 | - | White,Grey,Sand | single,double,king
Kitchen > Cookware > Frying Pan | 45 | 0 | - | Non-Stick,Cast Iron,Steel | 24 cm,28 cm
Kitchen > Cookware > Saucepan | 39 | 0 | - | Steel,Copper,Enamel | 16 cm,20 cm
Kitchen > Cookware > Casserole Dish | 89 | 0 | Nov+0.6 | Red,Blue,Cream | 3 l,5 l
Kitchen > Tableware > Dinner Plates | 36 | 0 | Dec+0.4 | White,Speckled,Blue Rim | set of 4,set of 6
Kitchen > Tableware > Glasses | 22 | 0 | Dec+0.4 | Wine,Tumbler,Champagne | set of 4,set of 6
Kitchen > Tableware > Cutlery Set | 69 | 0 | - | Steel,Matt Black,Brass | 16 pieces,24 pieces
Kitchen > Knives > Chef's Knife | 59 | 0 | Dec+0.5 | Steel,Damascus | 15 cm,20 cm
Kitchen > Consumables > Baking Parchment | 4 | 45 | Dec+0.5 | Unbleached,Non-Stick | 10 m,20 m
Bathroom > Towels > Bath Towel | 19 | 0 | - | White,Grey,Sage,Terracotta | 70 × 140 cm
Bathroom > Towels > Towel Set | 49 | 0 | - | White,Navy,Sand | 4 pieces,6 pieces
Bathroom > Care > Hand Soap Refill | 8 | 28 | - | Lavender,Citrus,Unscented | 500 ml,1 l
Bathroom > Care > Reed Diffuser | 22 | 60 | Dec+0.4 | Fig,Cedar,White Tea | 100 ml,200 ml
Lighting > Lamps > Table Lamp | 59 | 0 | Nov+0.5 | Ceramic,Brass,Rattan | E14,E27
Lighting > Lamps > Floor Lamp | 119 | 0 | Nov+0.5 | Black,Brass,Tripod | E27
Lighting > Lamps > Pendant Light | 89 | 0 | - | Rattan,Glass,Paper | 30 cm,45 cm
Lighting > Bulbs > LED Bulb | 9 | 90 | Nov+0.4 | Warm White,Daylight,Smart | 1 pack,3 pack
Lighting > Candles > Scented Candle | 18 | 30 | Dec+1.0 | Amber,Pine,Vanilla,Linen | 180 g,300 g
Garden > Furniture > Garden Chair | 89 | 0 | May+1.4 | Acacia,Black,Rope | 1 piece,set of 2
Garden > Furniture > Garden Table | 249 | 0 | May+1.4 | Acacia,Black,Teak | 4 seats,6 seats
Garden > Plants > Plant Pot | 19 | 0 | Apr+0.9 | Terracotta,Grey,White | 14 cm,24 cm
Garden > Plants > House Plant | 24 | 0 | Apr+0.4 | Monstera,Fern,Olive,Snake Plant | 12 cm pot,20 cm pot
Garden > Care > Potting Compost | 7 | 35 | Apr+1.3 | Multi-Purpose,Peat-Free,Herb | 20 l,40 l
Garden > Care > Plant Feed | 8 | 40 | May+0.9 | Tomato,All-Purpose,Orchid | 500 ml,1 l
Children > Room > Children's Bed | 249 | 0 | - | House,White,Pine | 70 × 140 cm,90 × 200 cm
Children > Room > Toy Storage | 49 | 0 | Dec+0.5 | White,Pine,Rainbow | 3 boxes,6 boxes
Children > Textiles > Cot Sheet | 16 | 0 | - | Stars,Animals,Plain | 60 × 120 cm
"""

STYLES = """
scandi | Scandi,Nordic | 1.1
industrial | Industrial,Loft | 1.05
country | Country,Farmhouse | 1.0
midcentury | Mid-Century,Retro | 1.2
designer | Designer,Signature | 1.8
budget | Basic,Smart Buy | 0.6
natural | Natural,Handwoven | 1.15
glam | Glam,Art Deco | 1.3
"""

BRANDS = (
    "Havn,Willow & Hearth,Casa Mira,Bergstrom,Linden,Foundry Lane,Oak & Ember,Maren,Thistledown,Nordlys,Cove,"
    "Studio Alba,Palisade,Brick Lane Living,Hearthside,Juniper,Marlow,Terra Casa,Lofthouse,Everly Home"
)

PERSONAS = """
first flat | Kitchen:1.8,Living Room:1.4,Bedroom:1.3 | 20-32 | .5 | 1.7 | -.4 | budget,scandi | night | 1.1
nest builder | Children:2.8,Bedroom:1.5,Bathroom:1.2 | 27-42 | .68 | 1.0 | 0 | scandi,natural | evening | 1.2
garden lover | Garden:4,Lighting:1.2 | 38-78 | .57 | .8 | .05 | natural,country | morning | .9
design fan | Living Room:2.2,Lighting:1.8 | 28-58 | .5 | .2 | .5 | designer,midcentury | evening | .8
home cook | Kitchen:3.5 | 25-66 | .54 | .7 | .15 | country,industrial | lunch | 1.0
cosy decorator | Lighting:1.6,Bathroom:1.5,Living Room:1.5 | 24-60 | .79 | .9 | 0 | glam,natural | evening | 1.1
"""
