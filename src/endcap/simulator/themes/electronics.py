"""An electronics shop: what it sells and who shops there, as text; see `endcap.simulator.themes`."""

from __future__ import annotations

TYPES = """
Phones > Smartphones > Smartphone | 549 | 0 | Nov+0.5 | Black,Silver,Blue,Green | 128 GB,256 GB,512 GB
Phones > Accessories > Phone Case | 19 | 0 | - | Clear,Black,Leather,Rugged | standard,plus
Phones > Accessories > Screen Protector | 12 | 120 | - | Glass,Privacy,Matt | 1 pack,2 pack
Phones > Accessories > Charging Cable | 14 | 150 | - | USB-C,Lightning,Braided | 1 m,2 m
Phones > Accessories > Power Bank | 35 | 0 | Jul+0.4 | Slim,Fast Charge,Solar | 10,000 mAh,20,000 mAh
Computing > Laptops > Ultrabook | 1099 | 0 | Sep+0.6 | Silver,Black | 13 inch,14 inch,16 inch
Computing > Laptops > Gaming Laptop | 1399 | 0 | Nov+0.6 | Black,White | 15 inch,17 inch
Computing > Tablets > Tablet | 379 | 0 | Dec+0.7 | Grey,Silver,Blue | 64 GB,128 GB,256 GB
Computing > Peripherals > Wireless Mouse | 29 | 0 | Sep+0.3 | Black,White,Ergonomic | standard,compact
Computing > Peripherals > Mechanical Keyboard | 89 | 0 | Nov+0.3 | Brown,Red,Low Profile | full size,compact
Computing > Peripherals > Monitor | 249 | 0 | Sep+0.4 | 4K,QHD,Curved | 24 inch,27 inch,32 inch
Computing > Storage > SSD | 89 | 0 | Nov+0.4 | NVMe,SATA,Portable | 500 GB,1 TB,2 TB
Computing > Storage > Memory Card | 22 | 0 | Jul+0.4 | microSD,SD,Pro | 64 GB,128 GB,256 GB
Printing > Printers > Inkjet Printer | 99 | 0 | Sep+0.4 | All-in-One,Photo,Compact | A4,A3
Printing > Supplies > Ink Cartridge | 24 | 45 | - | Black,Colour,Multipack | standard,XL
Printing > Supplies > Printer Paper | 8 | 60 | Sep+0.3 | Plain,Recycled,Photo | 250 sheets,500 sheets
Audio > Headphones > Wireless Earbuds | 99 | 0 | Dec+0.6 | Black,White,Sand | standard
Audio > Headphones > Over-Ear Headphones | 199 | 0 | Dec+0.6 | Black,Silver,Blue | standard
Audio > Speakers > Bluetooth Speaker | 79 | 0 | Jun+0.7 | Black,Red,Teal | mini,standard,party
Audio > Speakers > Soundbar | 229 | 0 | Nov+0.5 | Black,White | 2.1,3.1,5.1
Audio > Hi-Fi > Turntable | 249 | 0 | Dec+0.5 | Walnut,Black | belt drive,direct drive
TV > Televisions > LED TV | 399 | 0 | Nov+0.9 | Black,Silver | 43 inch,50 inch,55 inch
TV > Televisions > OLED TV | 1199 | 0 | Nov+0.9 | Black | 48 inch,55 inch,65 inch
TV > Streaming > Streaming Stick | 39 | 0 | Dec+0.6 | HD,4K | standard
TV > Accessories > TV Wall Bracket | 35 | 0 | Nov+0.4 | Fixed,Tilt,Full Motion | 32-55 inch,55-75 inch
Gaming > Consoles > Game Console | 449 | 0 | Dec+1.2 | Digital,Disc,Portable | 512 GB,1 TB
Gaming > Accessories > Controller | 59 | 0 | Dec+0.8 | Black,White,Red | standard,pro
Gaming > Accessories > Gaming Headset | 79 | 0 | Dec+0.6 | Wired,Wireless | standard
Gaming > Games > Console Game | 55 | 40 | Dec+0.9 | Racing,Adventure,Football,Strategy | standard edition,deluxe edition
Smart Home > Lighting > Smart Bulb | 19 | 0 | Nov+0.5 | White,Colour | 1 pack,3 pack
Smart Home > Security > Indoor Camera | 49 | 0 | - | Fixed,Pan & Tilt | 1 pack,2 pack
Smart Home > Security > Video Doorbell | 129 | 0 | - | Wired,Battery | standard
Smart Home > Climate > Smart Thermostat | 159 | 0 | Oct+0.8 | White,Black | standard
Kitchen > Coffee > Espresso Machine | 399 | 0 | Dec+0.6 | Steel,Black,Cream | manual,automatic
Kitchen > Coffee > Water Filter | 15 | 50 | - | Standard,Hard Water | 1 pack,3 pack
Kitchen > Small Appliances > Air Fryer | 119 | 0 | Jan+0.7 | Black,Grey | 4 l,6 l
Kitchen > Small Appliances > Blender | 69 | 0 | Jan+0.5 | Steel,White | 1 l,1.5 l
Batteries > Batteries > AA Batteries | 9 | 55 | Dec+0.9 | Alkaline,Rechargeable,Lithium | 8 pack,20 pack
Batteries > Batteries > Coin Cells | 6 | 90 | - | CR2032,CR2025 | 4 pack,8 pack
"""

STYLES = """
pro | Pro,Studio | 1.5
lite | Lite,Go | 0.65
gaming | RGB,Elite | 1.2
eco | Refurbished,Eco | 0.7
premium | Ultra,Signature | 1.7
rugged | Rugged,Outdoor | 1.1
compact | Mini,Slim | 0.95
smart | Smart,Connect | 1.1
"""

BRANDS = (
    "Voltara,Nexon,Pulsewave,Kinetiq,Aurora Labs,Stratus,Zephyr,Onyx Digital,Brightcell,Helix,Quanta Home,Sonora,"
    "Pixelforge,Arcline,Meridian,Tidal Audio,Ionis,Corebyte,Lumio,Vireo"
)

PERSONAS = """
gamer | Gaming:4,Computing:1.5,Audio:1.2 | 16-36 | .2 | 1.0 | .05 | gaming,pro | night | 1.3
audiophile | Audio:3.5,TV:1.4 | 28-62 | .25 | .3 | .4 | premium,pro | evening | .9
home office | Computing:2,Printing:3,Phones:1.1 | 26-60 | .5 | .9 | 0 | pro,compact | lunch | 1.1
smart homeowner | Smart Home:3.5,TV:1.4,Kitchen:1.3 | 30-60 | .4 | .6 | .2 | smart,premium | evening | .9
bargain hunter | Phones:1.6,Batteries:1.8,Kitchen:1.3 | 18-70 | .5 | 2.0 | -.45 | lite,eco | lunch | 1.1
coffee and kitchen | Kitchen:4,Batteries:1.2 | 28-68 | .6 | .8 | .1 | compact,smart | morning | .9
"""
