"""The form of public holidays as it is filled in: the country brings its regions, and what comes next stands below."""


def test_the_country_brings_its_regions_and_the_preview_follows(site):
    page = site.open("/settings/calendars/new?kind=holidays")
    page.select_option("#f-country", "US")
    page.wait_for_selector("#regions option[value=CA]", state="attached")
    page.select_option("#f-region", "CA")
    page.wait_for_selector("#coming li >> text=Cesar Chavez")
    page.fill("#f-own", "sometimes")
    page.wait_for_selector("#coming >> text=can't be read")
    assert page.input_value("#f-region") == "CA"
    assert site.problems == []
