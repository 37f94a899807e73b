"""Pictures and boxes, cropped into one tensor."""
