import sys
sys.path.insert(0,'/tmp/runs')
import data
def test_dbg(site):
    with site.app.app_context():
        data.fill(site.actor.team_id, site.ada.id)
    site.page.goto(site.at+'/runs?view=timeline')
    print(site.page.evaluate('''()=>{const u=document.querySelector('.tl-lane use');const b=u.getBBox();const l=document.querySelector('#tl-grid line');return [b.x,b.y,b.width,b.height,getComputedStyle(l).stroke,document.querySelectorAll('#tl-grid line').length, document.querySelector('#tl-grid').outerHTML.slice(0,400), getComputedStyle(u).display]}'''))
    html=site.page.content(); print(len(html)); import brotli; print(len(brotli.compress(site.ada.get(f'/t/{site.slug}/runs?view=timeline').data)))
