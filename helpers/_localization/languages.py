"""The languages of the kit: the one table that tutorials, catalogs and messages go by."""

LANGUAGES = {
    "en": "English",
    "ko": "한국어",
    "zh-CN": "简体中文",
    "fr": "Français",
    "es": "Español",
    "ja": "日本語",
    "pt-BR": "Português (Brasil)",
    "de": "Deutsch",
    "it": "Italiano",
    "id": "Bahasa Indonesia",
}
"""Codes and the languages' own names, in the order in which they are shown. English is the source."""

SOURCE_LANGUAGE = "en"
