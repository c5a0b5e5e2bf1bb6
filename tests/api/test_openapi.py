def test_page(client):
    r = client.get("/api/docs")
    assert r.status_code == 200, r.text
    assert "Repeating" in r.text
