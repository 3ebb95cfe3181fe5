"""A fashion shop: what it sells and who shops there, as text; see `endcap.simulator.themes`."""

from __future__ import annotations

TYPES = """
Women > Dresses > Midi Dress | 59 | 0 | Jun+0.7 | Black,Navy,Emerald,Floral | XS,S,M,L
Women > Dresses > Maxi Dress | 69 | 0 | Jul+0.9 | White,Terracotta,Sage,Floral | XS,S,M,L
Women > Dresses > Knit Dress | 64 | 0 | Dec+0.8 | Camel,Grey,Burgundy | S,M,L
Women > Tops > Blouse | 39 | 0 | Apr+0.3 | White,Cream,Blush,Striped | XS,S,M,L
Women > Tops > Jumper | 49 | 0 | Nov+0.9 | Oatmeal,Navy,Rust,Forest | XS,S,M,L
Women > Tops > Vest Top | 16 | 0 | Jul+0.8 | White,Black,Coral | XS,S,M,L
Women > Bottoms > Straight Jeans | 65 | 0 | Sep+0.2 | Indigo,Washed Blue,Black,Ecru | 26,28,30,32
Women > Bottoms > Pleated Skirt | 45 | 0 | Apr+0.3 | Black,Olive,Camel | S,M,L
Women > Coats > Wool Coat | 149 | 0 | Nov+1.2 | Camel,Charcoal,Navy | S,M,L
Women > Coats > Trench Coat | 129 | 0 | Mar+0.8 | Beige,Black,Khaki | S,M,L
Men > Shirts > Oxford Shirt | 49 | 0 | Apr+0.2 | White,Sky,Pink,Striped | S,M,L,XL
Men > Shirts > Linen Shirt | 55 | 0 | Jul+1.0 | White,Sand,Olive | S,M,L,XL
Men > Shirts > T-Shirt | 19 | 60 | Jul+0.5 | White,Black,Navy,Grey | S,M,L,XL
Men > Knitwear > Crew-Neck Jumper | 59 | 0 | Nov+0.9 | Navy,Charcoal,Burgundy | S,M,L,XL
Men > Knitwear > Cardigan | 69 | 0 | Oct+0.7 | Grey,Navy,Green | S,M,L,XL
Men > Trousers > Slim Chinos | 55 | 0 | Apr+0.3 | Stone,Navy,Olive,Black | 30,32,34,36
Men > Trousers > Jeans | 69 | 0 | Sep+0.2 | Indigo,Black,Washed Grey | 30,32,34,36
Men > Coats > Parka | 159 | 0 | Nov+1.2 | Olive,Black,Navy | S,M,L,XL
Men > Coats > Blazer | 139 | 0 | May+0.4 | Navy,Charcoal,Check | 38,40,42
Shoes > Trainers > Leather Trainers | 89 | 0 | Apr+0.3 | White,Black,Navy | 37,39,41,43
Shoes > Trainers > Running Shoes | 109 | 200 | May+0.4 | Black,Neon,Blue | 38,40,42,44
Shoes > Boots > Chelsea Boots | 119 | 0 | Oct+1.0 | Black,Brown,Tan | 37,39,41,43
Shoes > Boots > Ankle Boots | 99 | 0 | Oct+0.9 | Black,Taupe,Cognac | 36,38,40
Shoes > Sandals > Sandals | 49 | 0 | Jun+1.3 | Tan,Black,Gold | 36,38,40,42
Sports > Training > Leggings | 42 | 120 | Jan+0.6 | Black,Plum,Teal | XS,S,M,L
Sports > Training > Training Shorts | 29 | 0 | Jun+0.6 | Black,Navy,Grey | S,M,L,XL
Sports > Training > Sports Bra | 34 | 120 | Jan+0.5 | Black,Rose,Navy | S,M,L
Sports > Outdoor > Rain Jacket | 99 | 0 | Oct+0.5 | Yellow,Navy,Forest | S,M,L,XL
Sports > Outdoor > Fleece | 59 | 0 | Nov+0.8 | Ecru,Navy,Moss | S,M,L,XL
Sports > Swim > Swimwear | 35 | 0 | Jun+1.4 | Black,Coral,Print | S,M,L
Accessories > Bags > Tote Bag | 79 | 0 | - | Tan,Black,Canvas | one size
Accessories > Bags > Crossbody Bag | 69 | 0 | - | Black,Cognac,Sage | one size
Accessories > Small Leather > Leather Belt | 35 | 0 | - | Black,Brown,Tan | S,M,L
Accessories > Small Leather > Wallet | 45 | 0 | Dec+0.8 | Black,Brown,Navy | one size
Accessories > Winter > Scarf | 29 | 0 | Dec+1.2 | Check,Grey,Camel,Red | one size
Accessories > Winter > Beanie | 19 | 0 | Dec+1.2 | Black,Mustard,Navy | one size
Underwear > Socks > Socks | 12 | 75 | Dec+0.3 | Black,Striped,Sport | 3 pack,5 pack
Underwear > Basics > Boxer Briefs | 28 | 90 | - | Black,Grey,Mixed | 3 pack
Underwear > Basics > Tights | 9 | 30 | Nov+0.6 | Black 20 den,Nude,Black 60 den | 1 pair,3 pack
"""

STYLES = """
minimal | Minimal,Clean-Cut | 1.1
classic | Classic,Heritage | 1.15
street | Street,Oversized | 0.95
boho | Boho,Artisan | 1.0
sporty | Active,Performance | 1.05
luxe | Luxe,Atelier | 1.7
eco | Organic Cotton,Recycled | 1.2
basic | Basic,Essential | 0.65
"""

BRANDS = (
    "Aldermoor,Nina Vale,Hart & Field,Loomstate,Kestrel,Maison Orly,Urban Fable,Sorrel,Northfold,Brae,Vetra,"
    "Lumen Studio,Pike & Pine,Solenne,Ridgeway,Coveline,Tarn,Ottoline,Finch & Daughters,Strider"
)

PERSONAS = """
office woman | Women:3,Shoes:1.2,Accessories:1.3 | 26-48 | .97 | .7 | .15 | classic,minimal | lunch | 1.2
trend teen | Women:1.5,Shoes:1.8,Accessories:1.2 | 16-24 | .7 | 1.6 | -.3 | street,basic | night | 1.5
smart man | Men:4,Shoes:1.3 | 25-55 | .06 | .6 | .1 | classic,minimal | evening | .8
athlete | Sports:3.5,Shoes:1.6,Underwear:1.2 | 18-45 | .5 | .8 | .1 | sporty,eco | morning | 1.1
luxury shopper | Women:1.5,Accessories:2.2,Shoes:1.4 | 32-62 | .74 | .15 | .55 | luxe,classic | evening | .7
basics buyer | Underwear:2.5,Men:1.4,Women:1.1 | 24-70 | .45 | 1.7 | -.35 | basic,eco | evening | .8
"""
