/** What the demo's shop sells: a ship chandler's shelf. Prices are in cents of a euro. */

export interface Product {
  id: string
  name: string
  note: string
  priceCents: number
}

export const PRODUCTS: readonly Product[] = [
  { id: 'compass', name: 'Hand compass', note: 'Brass, liquid damped', priceCents: 6_400 },
  { id: 'lantern', name: 'Storm lantern', note: 'Burns in any wind', priceCents: 3_850 },
  { id: 'rope', name: 'Mooring rope', note: 'Three strands, 12 m', priceCents: 2_200 },
  { id: 'almanac', name: 'Tidal almanac', note: 'The year, port by port', priceCents: 1_490 },
]

/** The most of one product that a cart takes. */
export const MAX_QUANTITY = 9

export function findProduct(id: string): Product | undefined {
  return PRODUCTS.find((product) => product.id === id)
}

/** 6400 is `EUR 64.00` with the sign of the currency. */
export function price(cents: number): string {
  return EUROS.format(cents / 100)
}

const EUROS = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' })
