import sys
sys.path.insert(0,'/tmp/runs')
import data, os
SIZES={'1200':(1200,900),'768':(768,1000),'390':(390,844)}
def test_shots(site):
    with site.app.app_context():
        t=data.fill(site.actor.team_id, site.ada.id)
        a,b=data.detail(site.actor.team_id,t)
    pages={'list':'/runs','not':'/runs?status=not','slow':'/runs?slow=1&expensive=1&worker=north-1&period=7d','tl':'/runs?view=timeline','tlweek':'/runs?view=timeline&span=week','tl6':'/runs?view=timeline&span=6h','conc':'/runs?view=timeline&chart=concurrency','cmp':f'/runs/{b}/compare/{a}','choose':'/runs/compare','pick':'/runs?select=1','members':'/settings/members','teams':'../../me/teams'}
    only=os.environ.get('ONLY','').split(',') if os.environ.get('ONLY') else pages
    problems=[]
    for name in only:
        for size,(w,h) in SIZES.items():
            for scheme in ('light','dark') if size!='768' else ('light',):
                site.page.set_viewport_size({'width':w,'height':h})
                site.page.emulate_media(color_scheme=scheme, reduced_motion='reduce')
                site.page.goto(site.at+pages[name])
                if name=='pick' or (name=='list' and size=='1200' and scheme=='dark'):
                    for box in site.page.locator('.c-pick input').all()[:2]: box.check()
                wide=site.page.evaluate('document.documentElement.scrollWidth - innerWidth')
                if wide>0: problems.append((name,size,wide))
                site.page.screenshot(path=f'/tmp/runs/{name}-{scheme}-{size}.png', full_page=name=='cmp')
                problems+= [(name,size,scheme,f) for f in site.flaws()]
    print(problems)
    assert problems==[]
