"""The refiner: a fill that sounds whole, from one that is near and what is known of its errors."""
