async def test_x(api):
    pass
