"""`senda policy audit`: what was decided on contacts, judged again."""
