/** The stylesheet's text, which Python puts before the joined modules. */
declare const HOUSE_CSS: string;
