/** The shelf and the cart in one list: a product is added, and counted, in its own row. */

import { html } from 'hono/html'
import { MAX_QUANTITY, type Product, price } from '../products.js'
import type { CartLine } from '../visitor.js'
import { icon } from './icons.js'
import type { Html } from './layout.js'
import { noticeAt } from './notice.js'
import type { PageModel } from './page.js'

export function cartSection({ cart, notice }: PageModel): Html {
  return html`
<section id="cart" aria-labelledby="cart-title">
<h2 id="cart-title">Cart</h2>
${noticeAt('cart', notice)}
<ul class="shelf">${cart.map(row)}</ul>
${total(cart)}
</section>`
}

function row({ product, quantity }: CartLine): Html {
  return html`
<li>
${icon(product.id)}
<div class="product"><strong>${product.name}</strong><span class="muted">${product.note}</span></div>
<span class="price">${price(product.priceCents)}</span>
${quantity === 0 ? add(product) : stepper(product, quantity)}
</li>`
}

function add({ id, name }: Product): Html {
  return html`
<form class="steps" method="post" action="/cart">
<input type="hidden" name="product" value="${id}">
<button id="more-${id}" name="quantity" value="1" aria-label="Add ${name} to the cart">Add</button>
</form>`
}

/** The buttons say the quantity that they lead to, so pressing one twice in a hurry adds once. */
function stepper({ id, name }: Product, quantity: number): Html {
  return html`
<form class="steps" method="post" action="/cart">
<input type="hidden" name="product" value="${id}">
<button id="less-${id}" name="quantity" value="${quantity - 1}" aria-label="One ${name} less"
>&minus;</button>
<b><span class="unseen">In the cart: </span>${quantity}</b>
<button id="more-${id}" name="quantity" value="${quantity + 1}" aria-label="One ${name} more"${
    quantity >= MAX_QUANTITY ? html` disabled` : null
  }>+</button>
<button id="none-${id}" class="plain" name="quantity" value="0" aria-label="Remove ${name}"
>Remove</button>
</form>`
}

function total(cart: CartLine[]): Html {
  const items = cart.reduce((sum, { quantity }) => sum + quantity, 0)
  const cents = cart.reduce((sum, { product, quantity }) => sum + product.priceCents * quantity, 0)
  if (items === 0) return html`<p class="fine">Nothing in the cart yet.</p>`
  return html`
<form class="total" method="post" action="/cart/empty">
<p><b id="items">${items}</b> ${items === 1 ? 'item' : 'items'}</p>
<button id="empty" class="plain">Empty the cart</button>
<p class="sum"><span class="unseen">Total: </span>${price(cents)}</p>
</form>`
}
