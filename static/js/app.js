// What pages do beyond links and forms. Listeners stand on the document, so swapped parts need nothing.

import './layers.js'
import './palette.js'
import './keys.js'
import './forms.js'
import './times.js'
import './live.js'
import './log.js'
