"""Controls that several panels and views share: forms, menus and small pieces."""
