"""The videos of an application, brought to Mux from their addresses."""
